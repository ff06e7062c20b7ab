"""The files of one committed snapshot as a Spark DataFrame.

    schemahub snapshots --files --json --s3-bucket BUCKET > snapshots.json
    spark-submit read_snapshot.py snapshots.json s3a://BUCKET/schemahub

Readers follow commits, never a folder: a prefix also holds files that are not committed yet or no longer.
"""

import json
import sys


def snapshot_files(document, root, number=None):
    """Addresses of the live files of a snapshot, the current one if no number is given."""
    wanted = document["current"] if number is None else number
    for snapshot in document["snapshots"]:
        if snapshot["number"] == wanted:
            return [f"{root.rstrip('/')}/{file['path']}" for file in snapshot["files"]]
    raise SystemExit(f"snapshot {wanted} is not in the list; make it with: schemahub snapshots --files --json")


def main():
    from pyspark.sql import SparkSession

    path, root = sys.argv[1:3]
    with open(path, encoding="utf-8") as file:
        files = snapshot_files(json.load(file), root)
    spark = SparkSession.builder.appName("schemahub").config("spark.sql.session.timeZone", "UTC").getOrCreate()
    # Partition folders repeat columns that the files hold: without basePath Spark would take them from the paths.
    trades = spark.read.option("recursiveFileLookup", "true").parquet(*files)
    trades.createOrReplaceTempView("trades_unified")
    spark.sql("SELECT exchange, symbol, count(*) AS trades FROM trades_unified GROUP BY 1, 2 ORDER BY 1, 2").show()


if __name__ == "__main__":
    main()
