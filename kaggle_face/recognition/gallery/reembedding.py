"""Another model for a gallery: all embeddings are made anew from the pictures that it keeps.

New embeddings wait beside the old ones, batch by batch, and take their place in one transaction: until then
every search answers with the old model, and after a kill the work goes on where it stopped.
"""

from __future__ import annotations

from kaggle_face.errors import GalleryError
from kaggle_face.pictures import decode_photo
from kaggle_face.progress import Counter, Progress
from kaggle_face.recognition.detection.pictures import Crop, is_whole_png
from kaggle_face.recognition.embedder import Embedder
from kaggle_face.recognition.gallery.database import (
    add_audit,
    raise_revision,
    read_fact,
    write_fact,
)
from kaggle_face.recognition.gallery.model_card import card_from_text
from kaggle_face.recognition.gallery.people import Gallery
from kaggle_face.recognition.gallery.tables import vector_bytes

_IMAGES_AT_ONCE = 256
_LARGEST_CROP_PX = 1024  # the largest image size of a network
_PENDING = (
    "FROM images LEFT JOIN renewed ON renewed.image = images.number AND renewed.model = ? "
    "WHERE renewed.image IS NULL"
)


def re_embed(gallery: Gallery, embedder: Embedder, progress: Progress) -> int:
    """Makes a gallery one of another model; the number of images in it.

    Raises:
        GalleryError: A picture was not kept, so it cannot be embedded again.
    """
    model = embedder.card.fingerprint
    with gallery.file().reading() as connection:
        if read_fact(connection, "model") is None:
            raise GalleryError(f"nobody is enrolled in {gallery.path}, so there is nothing to re-embed")
        total = connection.execute("SELECT count(*) FROM images").fetchone()[0]
        pending = connection.execute(f"SELECT count(*) {_PENDING}", (model,)).fetchone()[0]
    with progress.track("embedding", total, "images", total - pending) as counter:
        while not _finish(gallery, embedder):  # images may be enrolled meanwhile
            _embed_batch(gallery, embedder, counter)
    return int(total)


def _embed_batch(gallery: Gallery, embedder: Embedder, counter: Counter) -> None:
    query = (
        "SELECT images.number, source, png FROM (SELECT images.number, images.source "
        f"{_PENDING} ORDER BY images.number LIMIT {_IMAGES_AT_ONCE}) AS images "
        "LEFT JOIN pictures ON pictures.image = images.number"
    )
    with gallery.file().reading() as connection:
        rows = connection.execute(query, (embedder.card.fingerprint,)).fetchall()
    vectors = embedder.embed([_crop_of(source, png) for _, source, png in rows])
    new = [
        (number, embedder.card.fingerprint, vector_bytes(vector))
        for (number, _, _), vector in zip(rows, vectors, strict=True)
    ]
    with gallery.file().writing() as connection:
        # an image that was removed meanwhile is left out
        connection.executemany(
            "INSERT OR REPLACE INTO renewed SELECT ?1, ?2, ?3 WHERE EXISTS "
            "(SELECT 1 FROM images WHERE number = ?1)",
            new,
        )
    counter.advance(len(rows))


def _finish(gallery: Gallery, embedder: Embedder) -> bool:
    """Puts the new embeddings in the old ones' place if none is missing; False if some are."""
    with gallery.file().writing() as connection:
        missing = connection.execute(f"SELECT count(*) {_PENDING}", (embedder.card.fingerprint,)).fetchone()[
            0
        ]
        if missing:
            return False
        connection.execute(
            "UPDATE embeddings SET vector = "
            "(SELECT vector FROM renewed WHERE renewed.image = embeddings.image)"
        )
        connection.execute("DELETE FROM renewed")
        before = card_from_text(read_fact(connection, "model") or "{}").name
        write_fact(connection, "model", embedder.card.to_text())
        add_audit(connection, "re-embed", None, "", {"before": before, "now": embedder.card.name})
        raise_revision(connection)
    return True


def _crop_of(source: str, png: bytes | None) -> Crop:
    if png is None:
        raise GalleryError(
            f"the picture {source} was not kept in the gallery, so it cannot be embedded again; enroll it"
        )
    if not is_whole_png(png):
        raise GalleryError(f"the picture {source} in the gallery is not what was written; put back a copy")
    return decode_photo(png, _LARGEST_CROP_PX, source)[0]
