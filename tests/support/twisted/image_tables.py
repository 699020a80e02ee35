"""Tables of images: separators, paths, suffixes, columns and splits that differ from what is usual."""

from __future__ import annotations

from pathlib import Path

from tests.support.own_shapes import NAMES, Truth, draw, write
from tests.support.twisted.people import testing, training


def quoted_absolute_paths(root: Path) -> Truth:
    """A byte order mark, CRLF, quotes, an index column, absolute paths without suffix, a comma in a name."""
    truth, rows = Truth(columns=("File", "Who")), []
    names = ("Lee, Bob", "Ann", "Ünal Öz")
    for name, person in training(lambda p, i: f"photos/{i}_{p}q.JPG", root):
        truth.train[name] = names[person]
        rows.append(f'"{len(rows)}","D:\\\\face data\\\\{name[:-4]}","{names[person]}"'.replace("\\\\", "\\"))
    text = "\r\n".join(['"","File","Name"', *rows, ""])
    (root / "labels.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    for name, person in testing(lambda n: f"unseen/{n}t.JPG", root):
        truth.test[Path(name).name] = (name, names[person])
    write(root / "sample_submission.csv", "File,Who", *(f"{row},Ann" for row in truth.test))
    truth.said = ("'D:/face data/' is cut off their paths", "labels.csv: train images")
    return truth


def numbers_that_sort_differently(root: Path) -> Truth:
    """Tabs, labels 2, 10 and 007, columns in another order, a sample with an index and a constant column."""
    truth = Truth(columns=("", "picture", "Usage", "label"), others={"Usage": "Public"})
    rows, names = [], ("10", "2", "007")
    for name, person in training(lambda p, i: f"images/a{i}{p}.png", root):
        truth.train[name] = names[person]
        rows.append(f"{names[person]}\t{3 * len(rows)}.5\t{Path(name).stem}")
    write(root / "train.tsv", "label\tscore\tpicture", *rows)
    for name, person in testing(lambda n: f"images/z{n}.png", root):
        truth.test[Path(name).stem] = (name, names[person])
    rows = [f"{place},{row},Public,2" for place, row in enumerate(truth.test)]
    write(root / "sample_submission.csv", ",picture,Usage,label", *rows)
    truth.options = ("--identity-column", "label")
    return truth


def one_table_with_a_split_column(root: Path) -> Truth:
    """Training, validation and test rows in one table, empty identities of test rows, words in capitals."""
    truth, rows = Truth(columns=("image_id", "identity")), []
    for name, person in training(lambda p, i: f"{p}/{i}/im{i}{p}.jpg", root):
        truth.train[name] = NAMES[person]
        rows.append(f"{Path(name).name};TRAIN;{NAMES[person]}")
    for person, name in enumerate(NAMES):
        draw(root / f"v/v{person}.jpg", person, 70)
        rows.append(f"v{person}.jpg;VALIDATION;{name}")
    for name, person in testing(lambda n: f"t/{n}/x{n}.jpg", root):
        truth.test[Path(name).name] = (name, NAMES[person])
        rows.append(f"{Path(name).name};TEST;")
    write(root / "everything.csv", "image_id;Subset;identity", *rows)
    write(root / "sample_submission.csv", "image_id,identity", *(f"{row},Zoe" for row in [*truth.test][::-1]))
    truth.test = dict(reversed(truth.test.items()))
    truth.said = ("Subset (TRAIN, VALIDATION, TEST) names their splits",)
    return truth


def one_table_with_empty_identities(root: Path) -> Truth:
    """Test rows stand in the table of the training rows without an identity; the sample gives them."""
    truth, rows = Truth(columns=("image", "who")), []
    for name, person in training(lambda p, i: f"pics/{i}{p}.jpg", root):
        truth.train[name] = NAMES[person]
        rows.append(f"{Path(name).name},{NAMES[person]}")
    for name, person in testing(lambda n: f"pics/u{n}.jpg", root):
        truth.test[Path(name).name] = (name, NAMES[person])
        rows.insert(3, f"{Path(name).name},nan")
    write(root / "list.csv", "image,who", *rows)
    write(root / "sample_submission.csv", "image,who", *(f"{row},Ann" for row in truth.test))
    truth.said = ("list.csv: 6 rows are without 'who' and listed in the sample",)
    return truth


def sample_of_no_known_name(root: Path) -> Truth:
    """A sample submission called otherwise, whose ids have another suffix than the files."""
    truth, rows = Truth(columns=("img", "answer")), []
    for name, person in training(lambda p, i: f"train/{i}{p}f.webp", root):
        truth.train[name] = NAMES[person]
        rows.append(f"{Path(name).stem}.jpg,{NAMES[person]}")
    write(root / "people.csv", "img,person", *rows)
    for name, person in testing(lambda n: f"test/{n}w.webp", root):
        truth.test[f"{Path(name).stem}.jpg"] = (name, NAMES[person])
    write(root / "to_fill_in.csv", "img,answer", *(f"{row}," for row in truth.test))
    truth.said = ("to_fill_in.csv: the sample submission, whose img (0w.jpg, 1w.jpg, 2w.jpg) gives the test",)
    return truth


def ids_of_another_table(root: Path) -> Truth:
    """Rows have ids of their own, which a table of test images leads to files; several roots of images."""
    truth, rows, tests = Truth(columns=("face_id", "name")), [], []
    for name, person in training(lambda p, i: f"{'ab'[i % 2]}/{p}{i}k.jpg", root):
        truth.train[name] = NAMES[person]
        rows.append(f"{name},{NAMES[person]}")
    write(root / "train_list.csv", "file,name", *rows)
    for name, person in testing(lambda n: f"c/{n}k.jpg", root):
        row = f"{(person + 1) * 1000 + len(tests)}"
        truth.test[row] = (name, NAMES[person])
        tests.append(f"{row},{name}")
    write(root / "test_list.csv", "face_id,file", *tests)
    truth.test = dict(sorted(truth.test.items()))
    write(root / "sample_submission.csv", "face_id,name", *(f"{row},Ann" for row in truth.test))
    truth.said = (
        "the sample submission, whose face_id (1000, 1003, 2002) is face_id (1000, 3001, 2002) of test",
    )
    return truth


def lists_without_headers(root: Path) -> Truth:
    """Lists without headers for training and test, names with folders, no sample submission."""
    truth, rows = Truth(), []
    for name, person in training(lambda p, i: f"data/{i % 3}/{p}_{i}n.jpg", root):
        truth.train[name] = NAMES[person]
        rows.append(f"{name.removeprefix('data/')}\t{NAMES[person]}")
    write(root / "train.txt", *rows)
    for name, person in testing(lambda n: f"data/9/{n}n.jpg", root):
        truth.test[name.removeprefix("data/")] = (name, NAMES[person])
    write(root / "test.txt", *truth.test)
    truth.said = ("test.txt: test images, for 1 (9/0n.jpg, 9/1n.jpg, 9/2n.jpg) names images in data/",)
    return truth


def splits_by_words_of_another_table(root: Path) -> Truth:
    """Splits in another table, by words that an option explains, with ids without suffix."""
    truth, rows, parts = Truth(), [], []
    for name, person in training(lambda p, i: f"f/{p}{i}m.jpg", root):
        truth.train[name] = NAMES[person]
        rows.append(f"{Path(name).name},{NAMES[person]}")
        parts.append(f"{Path(name).stem}|seen".replace("|", ";"))
    for name, person in testing(lambda n: f"f/h{n}m.jpg", root):
        truth.test[Path(name).name] = (name, NAMES[person])
        rows.append(f"{Path(name).name},{NAMES[person]}")
        parts.append(f"{Path(name).stem};hidden")
    write(root / "who.csv", "file,person", *rows)
    write(root / "usage.csv", "key;usage", *parts)
    truth.options = ("--split-column", "usage:seen=train,hidden=test")
    truth.said = ("usage.csv: the splits of who.csv, by usage (seen, hidden)",)
    return truth


def places_of_names(root: Path) -> Truth:
    """The sample holds places among the sorted names, not the names."""
    names = ("bo", "al", "cy")
    truth, rows = Truth(columns=("id", "path", "class"), submitted={"al": "0", "bo": "1", "cy": "2"}), []
    for name, person in training(lambda p, i: f"x/{i}/{p}/{p}{i}r.jpg", root):
        truth.train[name] = names[person]
        rows.append(f"{names[person]},{name}")
    write(root / "train.csv", "celebrity,path", *rows)
    for name, person in testing(lambda n: f"y/{n}r.jpg", root):
        truth.test[Path(name).stem] = (name, names[person])
    shown = zip(truth.test.items(), (0, 1, 2, 0, 1, 2), strict=True)
    write(
        root / "sample_submission.csv",
        "id,path,class",
        *(f"{row},{name},{place}" for (row, (name, _)), place in shown),
    )
    truth.others = {"path": "{image}"}
    truth.said = ("class (0, 1, 2) are places among the sorted names of identities, from 0",)
    return truth


def lists_of_splits(root: Path) -> Truth:
    """One table of all people, and lists of ids that are called like splits."""
    truth, rows, parts = Truth(), [], {"train_ids": [], "test_ids": [], "val_ids": []}
    for name, person in training(lambda p, i: f"f/{p}{i}v.jpg", root):
        truth.train[name] = NAMES[person]
        rows.append(f"{Path(name).stem},{NAMES[person]}")
        parts["train_ids"].append(Path(name).stem)
    for name, person in testing(lambda n: f"f/s{n}v.jpg", root):
        truth.test[Path(name).stem] = (name, NAMES[person])
        rows.append(f"{Path(name).stem},{NAMES[person]}")
        parts["test_ids"].append(Path(name).stem)
    for person, name in enumerate(NAMES):
        draw(root / f"f/d{person}.jpg", person, 80)
        rows.append(f"d{person},{name}")
        parts["val_ids"].append(f"d{person}")
    write(root / "labels.csv", "id,person", *rows)
    for file, lines in parts.items():
        write(root / f"{file}.txt", *lines)
    truth.said = ("test_ids.txt: the test images of labels.csv, as the file is called",)
    return truth


def labels_of_another_table(root: Path) -> Truth:
    """Numbers of people in the table of images, whose names stand in another table and in the sample."""
    truth, rows, numbers = Truth(columns=("Id", "Category")), [], ("7", "30", "112")
    truth.submitted = dict(zip(numbers, NAMES, strict=True))
    for name, person in training(lambda p, i: f"train/{i}{p}c.jpg", root):
        truth.train[name] = numbers[person]
        rows.append(f"{len(rows)},{Path(name).name},{numbers[person]}")
    write(root / "train.csv", ",File Name,Category", *rows)
    write(root / "category.csv", "number,Category", *(f"{a},{b}" for a, b in truth.submitted.items()))
    for name, person in testing(lambda n: f"test/{n}c.jpg", root):
        truth.test[Path(name).stem] = (name, numbers[person])
    write(root / "sample_submission.csv", "Id,Category", *(f"{row},Ann" for row in truth.test))
    truth.said = (
        "category.csv: the labels of sample_submission.csv, where Category (Ann, Bob Lee, Zoe) stands",
    )
    return truth


def paths_of_another_machine_in_the_sample(root: Path) -> Truth:
    """Paths of a Windows drive in the table and in the sample, whose folder `test` is there."""
    truth, rows, start = Truth(columns=("Path", "Person")), [], "C:\\faces\\"
    for name, person in training(lambda p, i: f"train/{i}/{p}.jpg", root):
        truth.train[name] = NAMES[person]
        rows.append(start + name.replace("/", "\\") + f";{NAMES[person]}")
    write(root / "train.csv", "Path;Person", *rows)
    for name, person in testing(lambda n: f"test/{n % 2}/q{n}.jpg", root):
        truth.test[start + name.replace("/", "\\")] = (name, NAMES[person])
    write(root / "sample_submission.csv", "Path,Person", *(f"{row},Ann" for row in truth.test))
    truth.said = ("gives the test images; 'C:/faces/' is cut off their paths",)
    return truth


def tables_beside_their_images(root: Path) -> Truth:
    """The same names of images in the folders of two tables, below a folder that is not there."""
    truth, rows = Truth(columns=("file", "name")), []
    for name, person in training(lambda p, i: f"train/pics/{8 * p + i}.jpg", root):
        truth.train[name] = NAMES[person]
        rows.append(f"all/{name},{NAMES[person]}")
    write(root / "train/labels.csv", "file,name", *rows)
    for name, person in testing(lambda n: f"test/pics/{n}.jpg", root):
        truth.test[name.removeprefix("test/")] = (name, NAMES[person])
    write(root / "test/list.csv", "file", *truth.test)
    write(root / "sample_submission.csv", "file,name", *(f"{row},Ann" for row in truth.test))
    truth.said = (
        "'all/' is cut off their paths",
        "test/list.csv: test images, for file (pics/0.jpg, pics/1.jpg, pics/2.jpg) names images in test/",
    )
    return truth


TABLES = (
    paths_of_another_machine_in_the_sample,
    tables_beside_their_images,
    labels_of_another_table,
    lists_of_splits,
    quoted_absolute_paths,
    numbers_that_sort_differently,
    one_table_with_a_split_column,
    one_table_with_empty_identities,
    sample_of_no_known_name,
    ids_of_another_table,
    lists_without_headers,
    splits_by_words_of_another_table,
    places_of_names,
)
