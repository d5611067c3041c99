"""croissant.json: the suite in the form that MLCommons' tools and the indexes of data sets read.

Croissant 1.0 (http://mlcommons.org/croissant/1.0). Every file is listed with its SHA-256; paths are relative to the
folder, so that the metadata holds wherever the folder goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from sec2sec.datasets.known_truth import CLIPS_COLUMNS, TARGETS
from sec2sec.evaluation.suite.truth import TRUTH_COLUMNS

CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
MEDIA_TYPES = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".md": "text/markdown",
    ".mp4": "video/mp4",
    ".py": "text/x-python",
    "": "text/plain",
}
CONTEXT: dict[str, Any] = {  # as MLCommons' library writes it for 1.0
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
SPLITS = {"train": "cr:TrainingSplit", "validation": "cr:ValidationSplit", "test": "cr:TestSplit"}
# Type and meaning of each column
CLIPS: Mapping[str, tuple[str, str]] = {
    "id": ("sc:Text", "name of the clip"),
    "path": ("sc:Text", "its file, relative to the folder"),
    **{target: ("sc:Integer", f"1 where the clip's {target} is high, 0 where it is low") for target in TARGETS},
    "split": ("sc:Text", "train, validation or test"),
    "group": ("sc:Text", "clips of one group stay in one split; here every clip is its own"),
    "level": ("sc:Text", "level of the suite"),
}
TRUTH: Mapping[str, tuple[str, str]] = {
    "level": ("sc:Text", "level of the suite"),
    "clip": ("sc:Text", "name of the clip"),
    "split": ("sc:Text", "train, validation or test"),
    "target": ("sc:Text", "what is said of the second here"),
    "second": ("sc:Integer", "start of the second in the clip, from 0"),
    "decisive": ("sc:Integer", "1 where the label follows from this second"),
    "decoy": ("sc:Integer", "1 where the second is as odd as a decisive one and says nothing"),
    "opposed": ("sc:Integer", "1 where a decisive second speaks against the label"),
    "evidence": ("sc:Float", "what the second says of the target, signed"),
    "video": ("sc:Float", "what its picture alone would say, from -1 to 1; empty where nothing is known"),
    "audio": ("sc:Float", "what its sound alone would say, from -1 to 1; empty where nothing is known"),
    "carrier": ("sc:Text", "both, video, audio, opposite or pair, for decisive seconds and decoys"),
}


def croissant(about: Mapping[str, Any], files: Mapping[str, tuple[str, int]], levels: Sequence[str]) -> dict[str, Any]:
    """The metadata. about: what is said of the whole, in schema.org's words; files: path → SHA-256, bytes."""
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        **about,
        "conformsTo": CONFORMS_TO,
        "isLiveDataset": False,
        "distribution": [*_file_objects(files), *(_file_set(level) for level in levels)],
        "recordSet": [
            _splits(),
            _table("clips", "clips.csv", "every clip with its labels", CLIPS, CLIPS_COLUMNS, ("id",)),
            _table("truth", "truth.csv", "what is planted", TRUTH, TRUTH_COLUMNS, ("clip", "target", "second")),
        ],
    }


def _file_objects(files: Mapping[str, tuple[str, int]]) -> list[dict[str, Any]]:
    return [
        {
            "@type": "cr:FileObject",
            "@id": path,
            "name": path,
            "contentUrl": path,
            "contentSize": f"{size} B",
            "encodingFormat": MEDIA_TYPES[PurePosixPath(path).suffix],
            "sha256": sha256,
        }
        for path, (sha256, size) in files.items()
    ]


def _file_set(level: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": f"{level}-clips",
        "name": f"{level}-clips",
        "description": f"The clips of the level {level}, picture (H.264) and sound (AAC).",
        "encodingFormat": "video/mp4",
        "includes": f"{level}/clips/*.mp4",
    }


def _splits() -> dict[str, Any]:
    fields = {"name": "sc:Text", "url": "sc:URL"}
    return {
        "@type": "cr:RecordSet",
        "@id": "splits",
        "name": "splits",
        "dataType": "cr:Split",
        "key": {"@id": "splits/name"},
        "field": [
            {"@type": "cr:Field", "@id": f"splits/{name}", "name": name, "dataType": kind}
            for name, kind in fields.items()
        ],
        "data": [{"splits/name": name, "splits/url": url} for name, url in SPLITS.items()],
    }


def _table(
    name: str,
    file: str,
    description: str,
    columns: Mapping[str, tuple[str, str]],
    order: Sequence[str],
    key: Sequence[str],
) -> dict[str, Any]:
    """A record set whose fields are the columns of a CSV file."""
    fields = []
    for column in order:
        kind, meaning = columns[column]
        field: dict[str, Any] = {
            "@type": "cr:Field",
            "@id": f"{name}/{column}",
            "name": column,
            "description": meaning,
            "dataType": [kind, "cr:Label"] if column in TARGETS else kind,
            "source": {"fileObject": {"@id": file}, "extract": {"column": column}},
        }
        if column == "split":
            field["references"] = {"field": {"@id": "splits/name"}}
        fields.append(field)
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": description,
        "key": [{"@id": f"{name}/{column}"} for column in key],
        "field": fields,
    }
