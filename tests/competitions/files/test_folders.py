from __future__ import annotations

from kaggle_face.competitions.files.folders import by_number, map_folder


def test_images_with_a_name_that_is_no_number_stay_sorted_as_text():
    assert by_number(["x/10.jpg", "x/9.jpg", "x/a.jpg"]) == ["x/10.jpg", "x/9.jpg", "x/a.jpg"]


def test_the_shallowest_folder_of_a_name_is_found(tree):
    tree.images("a/b/train/x.jpg", "c/train/x.jpg")
    assert map_folder(tree.root).folder("train") == "c/train"


def test_a_doubled_folder_is_entered(tree):
    tree.images("train/train/x/1.jpg")
    assert map_folder(tree.root).folder("train") == "train/train"


def test_the_map_does_not_look_into_class_folders(tree):
    tree.images(*(f"train/{name}/deep/1.jpg" for name in range(50)))
    assert not any(folder.endswith("deep") for folder in map_folder(tree.root).folders)


def test_a_folder_that_links_to_itself_is_mapped(tree):
    tree.images("train/x/1.jpg")
    (tree.root / "loop").symlink_to(tree.root, target_is_directory=True)
    assert "train" in map_folder(tree.root).folders


def test_a_link_that_leads_to_itself_is_no_folder(tree):
    tree.images("a/1.jpg")
    (tree.root / "a/loop.jpg").symlink_to("loop.jpg")
    assert map_folder(tree.root).folders == ("a",)


def test_junk_is_no_part_of_the_map_and_is_remembered(tree):
    tree.images("train/x/1.jpg", "@eaDir/train/x/1.jpg", "__MACOSX/train/x/1.jpg")
    tree.text("._val_pairs.txt", "junk").text("Thumbs.db", "junk").text("val_pairs.txt", "a b")
    seen = map_folder(tree.root)
    assert seen.folders == ("train", "train/x") and seen.files == ("val_pairs.txt",)
    assert sorted(seen.skipped) == ["._val_pairs.txt", "@eaDir", "Thumbs.db", "__MACOSX"]
