"""Runs the tests of one module and writes {"passed", "failed", "skipped"} to the file named: `run_tests.py MODULE REPORT`."""

import json
import os
import sys
import unittest

module, report = sys.argv[1:]
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
suite = unittest.defaultTestLoader.loadTestsFromName(module)
result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
failed = len({test.id() for test, _ in result.failures + result.errors}) + len(result.unexpectedSuccesses)
skipped = len(result.skipped) + len(result.expectedFailures)
with open(report, "w", encoding="utf-8") as file:
    json.dump({"passed": result.testsRun - failed - skipped, "failed": failed, "skipped": skipped}, file)
sys.exit(1 if failed or skipped or result.testsRun == 0 else 0)
