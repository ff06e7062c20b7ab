"""A lake as other programs see it: DuckDB, pyarrow and polars open its Parquet; plain Python re-derives it from the raw records.

Run by tools/deep/run_tests.py with SCHEMAHUB_LAKE (the folder) and SCHEMAHUB_SNAPSHOTS (the output of
`schemahub snapshots --files --json`). Nothing of SchemaHub's own code is used here: the two sides share only the files.
"""

import datetime
import glob
import gzip
import hashlib
import json
import os
import unittest

import duckdb
import polars
import pyarrow
import pyarrow.parquet

LAKE = os.environ["SCHEMAHUB_LAKE"]
COLUMNS = ["exchange", "symbol", "trade_id", "side", "price", "quantity", "trade_ts", "ingest_ts"]
TEXTS, NUMBERS, TIMES = COLUMNS[:4], COLUMNS[4:6], COLUMNS[6:]
IDS_PER_BLOCK = 2_097_152
UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)


def committed_files():
    """The live data files of the current snapshot, as the CLI lists them."""
    with open(os.environ["SCHEMAHUB_SNAPSHOTS"], encoding="utf-8") as file:
        listing = json.load(file)
    current = [snapshot for snapshot in listing["snapshots"] if snapshot["number"] == listing["current"]]
    return current[0]["files"]


FILES = committed_files()
PATHS = [os.path.join(LAKE, file["path"]) for file in FILES]


def microseconds(text):
    """RFC 3339 with zero to nine digits of a second -> microseconds since 1970; digits past the sixth must be zero."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    if fraction[6:].strip("0"):
        raise ValueError(f"{text} is finer than a microsecond")
    moment = datetime.datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    return (moment - EPOCH) // datetime.timedelta(microseconds=1) + int((fraction + "000000")[:6])


def row_key(row):
    return (row[0], row[1], int(row[2]))


def rows_of(table):
    """An Arrow table as sorted tuples; times as whole microseconds, so that no reader's time zone matters."""
    columns = [table.column(name) for name in TEXTS + NUMBERS]
    columns += [table.column(name).cast(pyarrow.int64()) for name in TIMES]
    return sorted(zip(*[column.to_pylist() for column in columns]), key=row_key)


def read_pyarrow():
    return rows_of(pyarrow.concat_tables([pyarrow.parquet.ParquetFile(path).read() for path in PATHS]))


def read_duckdb():
    times = ", ".join(f"epoch_us({name}) AS {name}" for name in TIMES)
    query = f"SELECT {', '.join(TEXTS + NUMBERS)}, {times} FROM read_parquet($paths, hive_partitioning=false)"
    return sorted(duckdb.execute(query, {"paths": PATHS}).fetchall(), key=row_key)


def read_polars():
    frame = polars.concat([polars.read_parquet(path, hive_partitioning=False) for path in PATHS])
    return sorted(frame.with_columns([polars.col(name).to_physical() for name in TIMES]).rows(), key=row_key)


def rows_from_raw():
    """The table as the raw records say it: written here anew, from the documents and not from our code."""
    rows = {}
    for path in glob.glob(os.path.join(LAKE, "raw_coinbase_trades", "*", "*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line, parse_float=str)
                taker = {"buy": "SELL", "sell": "BUY"}[record["side"].lower()]
                row = (
                    record["_source"].upper(),
                    record["_symbol"],
                    str(record["trade_id"]),
                    taker,
                    float(record["price"]),
                    float(record["size"]),
                    microseconds(record["time"]),
                    microseconds(record["_source_ingest_ts"]),
                )
                key = row_key(row)
                rows[key] = min(rows.get(key, row), row, key=lambda one: one[7])
    return [rows[key] for key in sorted(rows)]


class Types(unittest.TestCase):
    """The types of SPEC 3.1, in its order, in every reader."""

    def test_there_are_committed_files_with_rows(self):
        self.assertGreater(sum(file["rows"] for file in FILES), 0)

    def test_parquet_types_field_ids_and_required(self):
        for path in PATHS:
            schema = pyarrow.parquet.ParquetFile(path).schema
            self.assertEqual([schema.column(i).path for i in range(len(schema))], COLUMNS)
            for i, name in enumerate(COLUMNS):
                column = schema.column(i)
                logical = json.loads(column.logical_type.to_json())
                self.assertEqual((column.max_definition_level, column.max_repetition_level), (0, 0), f"{name} must be REQUIRED")
                if name in TEXTS:
                    self.assertEqual((column.physical_type, logical["Type"]), ("BYTE_ARRAY", "String"))
                elif name in NUMBERS:
                    self.assertEqual((column.physical_type, logical["Type"]), ("DOUBLE", "None"))
                else:
                    self.assertEqual((column.physical_type, logical["Type"]), ("INT64", "Timestamp"))
                    self.assertEqual((logical["isAdjustedToUTC"], logical["timeUnit"]), (True, "microseconds"))

    def test_field_ids_are_one_to_eight(self):
        for path in PATHS:
            schema = pyarrow.parquet.ParquetFile(path).schema_arrow
            self.assertEqual([field.metadata[b"PARQUET:field_id"] for field in schema], [str(i + 1).encode() for i in range(8)])

    def test_pyarrow_types(self):
        time = pyarrow.timestamp("us", tz="UTC")
        expected = [pyarrow.string()] * 4 + [pyarrow.float64()] * 2 + [time] * 2
        for path in PATHS:
            schema = pyarrow.parquet.ParquetFile(path).schema_arrow
            self.assertEqual(list(zip(schema.names, schema.types)), list(zip(COLUMNS, expected)))

    def test_duckdb_types(self):
        expected = ["VARCHAR"] * 4 + ["DOUBLE"] * 2 + ["TIMESTAMP WITH TIME ZONE"] * 2
        described = duckdb.execute("DESCRIBE SELECT * FROM read_parquet($paths, hive_partitioning=false)", {"paths": PATHS})
        self.assertEqual([row[:2] for row in described.fetchall()], list(zip(COLUMNS, expected)))

    def test_polars_types(self):
        expected = [polars.String] * 4 + [polars.Float64] * 2 + [polars.Datetime("us", "UTC")] * 2
        for path in PATHS:
            schema = polars.read_parquet_schema(path)
            self.assertEqual(list(schema.items()), list(zip(COLUMNS, expected)))


class Rows(unittest.TestCase):
    """The rows: one truth for every reader, each key once, and what the raw records say."""

    def test_duckdb_reads_what_pyarrow_reads(self):
        self.assertEqual(read_duckdb(), read_pyarrow())

    def test_polars_reads_what_pyarrow_reads(self):
        self.assertEqual(read_polars(), read_pyarrow())

    def test_the_table_is_what_the_raw_records_say(self):
        self.assertEqual(read_pyarrow(), rows_from_raw())

    def test_every_key_is_there_once(self):
        query = "SELECT COUNT(*), COUNT(DISTINCT (exchange, symbol, trade_id)) FROM read_parquet($paths, hive_partitioning=false)"
        rows, keys = duckdb.execute(query, {"paths": PATHS}).fetchone()
        self.assertGreater(rows, 0)
        self.assertEqual(rows, keys)

    def test_sql_over_the_folders_gives_the_same_count(self):
        """Partition columns in the path agree with the columns in the file."""
        query = "SELECT COUNT(*) FROM read_parquet($paths, hive_partitioning=true, union_by_name=true)"
        self.assertEqual(duckdb.execute(query, {"paths": PATHS}).fetchone()[0], len(read_pyarrow()))


class Files(unittest.TestCase):
    """Each file against its entry in the commit, and against the layout of SPEC 3.3 and 6."""

    def test_size_hash_and_rows_are_the_commits(self):
        for file, path in zip(FILES, PATHS):
            with open(path, "rb") as stream:
                content = stream.read()
            self.assertEqual(len(content), file["bytes"], path)
            self.assertEqual(hashlib.sha256(content).hexdigest(), file["sha256"], path)
            self.assertEqual(pyarrow.parquet.ParquetFile(path).metadata.num_rows, file["rows"], path)

    def test_rows_are_sorted_by_time_then_id(self):
        for path in PATHS:
            table = pyarrow.parquet.ParquetFile(path).read()
            times = table.column("trade_ts").cast(pyarrow.int64()).to_pylist()
            order = list(zip(times, [int(text) for text in table.column("trade_id").to_pylist()]))
            self.assertEqual(order, sorted(order), path)

    def test_a_file_holds_one_symbol_one_month_one_block(self):
        for file, path in zip(FILES, PATHS):
            table = pyarrow.parquet.ParquetFile(path).read()
            parts = dict(part.split("=", 1) for part in file["path"].split("/") if "=" in part)
            months = {time.strftime("%Y-%m") for time in table.column("trade_ts").to_pylist()}
            self.assertEqual(set(table.column("exchange").to_pylist()), {parts["exchange"]}, path)
            self.assertEqual(set(table.column("symbol").to_pylist()), {parts["symbol"]}, path)
            self.assertEqual(months, {parts["month"]}, path)
            blocks = {int(text) // IDS_PER_BLOCK for text in table.column("trade_id").to_pylist()}
            self.assertEqual(len(blocks), 1, path)

    def test_statistics_bound_the_times(self):
        for path in PATHS:
            metadata = pyarrow.parquet.ParquetFile(path).metadata
            at = COLUMNS.index("trade_ts")
            for group in range(metadata.num_row_groups):
                rows = pyarrow.parquet.ParquetFile(path).read_row_group(group).column("trade_ts").to_pylist()
                statistics = metadata.row_group(group).column(at).statistics
                self.assertEqual((statistics.min, statistics.max), (min(rows), max(rows)), path)

    def test_sorting_columns_name_the_time_only(self):
        for path in PATHS:
            metadata = pyarrow.parquet.ParquetFile(path).metadata
            for group in range(metadata.num_row_groups):
                sorting = metadata.row_group(group).sorting_columns
                self.assertEqual([column.column_index for column in sorting], [COLUMNS.index("trade_ts")], path)
