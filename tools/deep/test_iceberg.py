"""The Iceberg face as other programs see it: fastavro decodes manifests, pyarrow and DuckDB open the files they name.

Run by tools/deep/run_tests.py with SCHEMAHUB_LAKE (the folder) and SCHEMAHUB_SNAPSHOTS (the output of
`schemahub snapshots --files --json`) after `schemahub iceberg publish`. Only the files are shared with SchemaHub.
"""

import datetime
import glob
import json
import os
import struct
import unittest

import duckdb
import fastavro
import pyarrow.compute
import pyarrow.parquet

LAKE = os.path.abspath(os.environ["SCHEMAHUB_LAKE"])
TABLE = os.path.join(LAKE, "unified_trades")
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def path_of(uri):
    if not uri.startswith("file:///"):
        raise ValueError(f"{uri} is no file URI")
    return uri[len("file://"):]


def read_avro(path):
    with open(path, "rb") as file:
        reader = fastavro.reader(file)
        return reader.metadata, list(reader)


def load_metadata():
    with open(os.path.join(TABLE, "metadata", "version-hint.text"), encoding="utf-8") as file:
        version = int(file.read())
    with open(os.path.join(TABLE, "metadata", f"v{version}.metadata.json"), encoding="utf-8") as file:
        return json.load(file)


METADATA = load_metadata()
CURRENT = [s for s in METADATA["snapshots"] if s["snapshot-id"] == METADATA["current-snapshot-id"]][0]


def manifests_of(snapshot):
    return read_avro(path_of(snapshot["manifest-list"]))[1]


def live_entries(snapshot):
    entries = []
    for manifest in manifests_of(snapshot):
        for entry in read_avro(path_of(manifest["manifest_path"]))[1]:
            if entry["status"] != 2:
                entries.append(entry)
    return entries


ENTRIES = live_entries(CURRENT)
FILES = [entry["data_file"] for entry in ENTRIES]


def committed():
    with open(os.environ["SCHEMAHUB_SNAPSHOTS"], encoding="utf-8") as file:
        listing = json.load(file)
    current = [snapshot for snapshot in listing["snapshots"] if snapshot["number"] == listing["current"]]
    return current[0]["files"]


class IcebergFace(unittest.TestCase):
    def test_every_avro_file_decodes(self):
        names = glob.glob(os.path.join(TABLE, "metadata", "*.avro"))
        self.assertGreaterEqual(len(names), 2)
        for name in names:
            metadata, records = read_avro(name)
            self.assertGreater(len(records), 0, name)
            self.assertEqual(metadata["format-version"], "2")

    def test_the_current_snapshot_is_the_commit(self):
        ours = sorted((os.path.join(LAKE, file["path"]), file["rows"], file["bytes"]) for file in committed())
        theirs = sorted((path_of(f["file_path"]), f["record_count"], f["file_size_in_bytes"]) for f in FILES)
        self.assertEqual(theirs, ours)
        self.assertEqual(CURRENT["summary"]["total-records"], str(sum(f["record_count"] for f in FILES)))

    def test_manifest_counts_and_lengths(self):
        for snapshot in METADATA["snapshots"]:
            for manifest in manifests_of(snapshot):
                path = path_of(manifest["manifest_path"])
                self.assertEqual(os.path.getsize(path), manifest["manifest_length"])
                metadata, entries = read_avro(path)
                self.assertEqual([f["name"] for f in json.loads(metadata["partition-spec"])], ["exchange", "symbol", "trade_ts_month"])
                for status, name in ((1, "added"), (0, "existing"), (2, "deleted")):
                    rows = [e["data_file"]["record_count"] for e in entries if e["status"] == status]
                    self.assertEqual(len(rows), manifest[f"{name}_files_count"])
                    self.assertEqual(sum(rows), manifest[f"{name}_rows_count"])

    def test_partitions_field_ids_counts_and_bounds(self):
        ids = {field["id"]: field for field in METADATA["schemas"][METADATA["current-schema-id"]]["fields"]}
        for file in FILES:
            parquet = pyarrow.parquet.ParquetFile(path_of(file["file_path"]))
            schema = parquet.schema_arrow
            for field in schema:
                number = int(field.metadata[b"PARQUET:field_id"])
                self.assertEqual(ids[number]["name"], field.name)
                self.assertEqual(ids[number]["required"], not field.nullable)
            table = parquet.read()
            partition = file["partition"]
            self.assertEqual(set(table.column("exchange").to_pylist()), {partition["exchange"]})
            self.assertEqual(set(table.column("symbol").to_pylist()), {partition["symbol"]})
            months = {(ts.year - 1970) * 12 + ts.month - 1 for ts in table.column("trade_ts").to_pylist()}
            self.assertEqual(months, {partition["trade_ts_month"]})
            self.check_columns(file, table, ids)

    def check_columns(self, file, table, ids):
        maps = {
            name: {item["key"]: item["value"] for item in file[name] or []}
            for name in ("value_counts", "null_value_counts", "nan_value_counts", "lower_bounds", "upper_bounds")
        }
        for number, field in ids.items():
            if field["name"] not in table.column_names:
                continue
            column = table.column(field["name"])
            self.assertEqual(maps["value_counts"][number], table.num_rows)
            self.assertEqual(maps["null_value_counts"][number], column.null_count)
            if field["type"] == "double":
                self.assertEqual(maps["nan_value_counts"][number], pyarrow.compute.sum(pyarrow.compute.is_nan(column)).as_py())
            if number not in maps["lower_bounds"]:
                # No bounds for ids of different lengths, whose order is not that of text, nor for decimals.
                self.assertIn(field["name"], ("trade_id", "price_dec", "quantity_dec"))
                continue
            span = pyarrow.compute.min_max(column).as_py()
            for bound, value in (("lower_bounds", span["min"]), ("upper_bounds", span["max"])):
                self.assertEqual(self.decode(field["type"], maps[bound][number]), self.plain(value), f"{bound} of {field['name']}")

    def decode(self, kind, data):
        if kind == "string":
            return data.decode("utf-8")
        if kind == "double":
            return struct.unpack("<d", data)[0]
        if kind == "timestamptz":
            return struct.unpack("<q", data)[0]
        raise ValueError(kind)

    def plain(self, value):
        return (value - EPOCH) // datetime.timedelta(microseconds=1) if isinstance(value, datetime.datetime) else value

    def test_duckdb_reads_the_same_rows_from_the_files_named(self):
        for snapshot in METADATA["snapshots"]:
            paths = [path_of(entry["data_file"]["file_path"]) for entry in live_entries(snapshot)]
            rows = duckdb.sql(f"SELECT count(*), count(DISTINCT (exchange, symbol, trade_id)) FROM read_parquet({paths!r})").fetchone()
            self.assertEqual(rows, (int(snapshot["summary"]["total-records"]),) * 2)

    def test_sequence_numbers_and_the_log(self):
        numbers = [snapshot["sequence-number"] for snapshot in METADATA["snapshots"]]
        self.assertEqual(numbers, sorted(set(numbers)))
        self.assertEqual(METADATA["last-sequence-number"], numbers[-1])
        self.assertEqual([log["snapshot-id"] for log in METADATA["snapshot-log"]], [s["snapshot-id"] for s in METADATA["snapshots"]])
        commits = [int(snapshot["summary"]["schemahub.commit"]) for snapshot in METADATA["snapshots"]]
        self.assertEqual(commits, sorted(set(commits)))
