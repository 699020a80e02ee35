"""A map of held-out embeddings in two dimensions, with the picture of each point beside the pointer."""

from __future__ import annotations

import numpy as np

from kaggle_face.errors import counted
from kaggle_face.metrics.similarity import normalized
from kaggle_face.records import FloatArray, IntArray
from kaggle_face.report.blocks import FAINT, Figure, series_colour
from kaggle_face.report.facts import EmbeddingFacts, ReportFacts
from kaggle_face.report.pictures import HOVER_PX, evenly, picture_uris
from kaggle_face.report.section import Content, LeftOut, Section

MOST_POINTS = 1000
"""More points hide each other, and t-SNE takes more than some seconds."""
_FEWEST_POINTS = 10
_COLOURED = 8
_PERPLEXITY = 30.0
_COMPONENTS = 50
_SYMBOLS = ("circle", "square", "diamond", "cross", "triangle-up", "star", "pentagon", "hexagon")


def build(facts: ReportFacts) -> Content:
    """The map by t-SNE; the identities with most points have a colour and a symbol each."""
    found = facts.embeddings
    if found is None:
        return LeftOut(facts.missing.get("embeddings", "no embeddings are kept of held-out images"))
    if len(found.image_ids) < _FEWEST_POINTS:
        return LeftOut(counted(len(found.image_ids), "embedding", "are too few for a map"))
    chosen = evenly(len(found.image_ids), MOST_POINTS)
    places = map_of(found.vectors[chosen])
    identities = found.identities[chosen]
    names, counts = np.unique(identities, return_counts=True)
    coloured = names[np.lexsort((names, -counts))][:_COLOURED]
    images = found.image_ids[chosen]
    uris = picture_uris(facts.cache, images.tolist(), HOVER_PX)
    thumbnails = [uri for uri in uris if uri is not None]
    number_of = np.cumsum([uri is not None for uri in uris]) - 1
    groups: list[tuple[str, IntArray, str, str]] = [
        (str(name), np.flatnonzero(identities == name), series_colour(k), _SYMBOLS[k])
        for k, name in enumerate(coloured)
    ]
    others = np.flatnonzero(~np.isin(identities, coloured))
    if len(others):
        rest = counted(len(names) - len(coloured), "other identity")
        groups.insert(0, (rest, others, FAINT, "circle-open"))
    traces, pictures = [], []
    for name, rows, colour, symbol in groups:
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "x": places[rows, 0],
                "y": places[rows, 1],
                "text": identities[rows],
                "customdata": images[rows],
                "marker": {"color": colour, "symbol": symbol, "size": 6 if colour == FAINT else 8},
                "hovertemplate": "%{text}: %{customdata}<extra></extra>",
            }
        )
        pictures.append([int(number_of[row]) if uris[row] is not None else None for row in rows.tolist()])
    return (_figure(found, len(chosen), len(names), tuple(traces), tuple(pictures), tuple(thumbnails)),)


def map_of(vectors_ND: FloatArray) -> FloatArray:
    """Two coordinates (N, 2) of each embedding: directions, reduced by PCA, then t-SNE from PCA's plane."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    unit = normalized(vectors_ND).astype(np.float64)
    components = min(_COMPONENTS, *unit.shape)
    reduced = PCA(components, svd_solver="full").fit_transform(unit)
    perplexity = min(_PERPLEXITY, (len(unit) - 1) / 3)
    tsne = TSNE(2, perplexity=perplexity, init=reduced[:, :2] * 1e-2, learning_rate="auto", random_state=0)
    return np.asarray(tsne.fit_transform(reduced), np.float64)


def _figure(
    found: EmbeddingFacts,
    count: int,
    num_identities: int,
    traces: tuple[dict[str, object], ...],
    pictures: tuple[list[int | None], ...],
    thumbnails: tuple[str, ...],
) -> Figure:
    summary = (
        f"{count:,} of {counted(found.num_images, 'held-out image')} of "
        f"{counted(num_identities, 'identity')} by t-SNE; distances "
        "between far groups mean nothing. Arrow keys step through the points, Escape hides the picture."
    )
    bare = {"showticklabels": False, "showgrid": False, "zeroline": False, "showline": True, "mirror": True}
    return Figure(
        f"Embeddings of {found.network}",
        summary,
        traces,
        {"xaxis": bare, "yaxis": bare},
        pictures,
        thumbnails,
        height_px=560,
    )


SECTION = Section(
    "embedding-map",
    "Map of the embeddings",
    "Each point is a held-out image, near points look alike to the network. One identity should "
    "be one group; "
    "a point inside another group is a mistake of the network or of the label.",
    build,
)
