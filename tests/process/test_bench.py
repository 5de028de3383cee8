"""The benchmark's own parts, on a few records: what it tells of our nodes is so, the relay counts
and cuts, and a row is judged as its kind says. No peer is needed and no time is judged."""
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'bench'))
import rows  # noqa: E402
from ours import Ours  # noqa: E402
from world import Place, county, star  # noqa: E402


class Judging(unittest.TestCase):
    def row(self, better, ours, theirs, kind=rows.Row, floor=2, target=4):
        row = kind('S0', 'what', 'unit', better, floor, target)
        row.ours, row.theirs = ours, theirs
        return row

    def test_a_rate_is_better_when_higher(self):
        row = self.row(rows.HIGHER, [50, 200, 300], [100, 100, 90])
        self.assertEqual(row.ratio(), 2)
        self.assertTrue(row.reaches(row.floor))
        self.assertFalse(row.reaches(row.target))

    def test_a_time_is_better_when_lower(self):
        row = self.row(rows.LOWER, [0.5], [2.5])
        self.assertEqual(row.ratio(), 5)
        self.assertTrue(row.reaches(row.target))

    def test_a_size_is_a_share_of_the_peers(self):
        row = self.row(rows.SIZE, [75], [300], floor=0.30, target=0.22)
        self.assertEqual(row.ratio(), 0.25)
        self.assertTrue(row.reaches(row.floor))
        self.assertFalse(row.reaches(row.target))

    def test_nothing_is_said_without_the_peer(self):
        row = self.row(rows.HIGHER, [50], [])
        self.assertIsNone(row.ratio())
        self.assertIsNone(row.reaches(row.floor))

    def test_a_floor_may_be_a_figure_or_a_share_of_the_bare_parts(self):
        self.assertTrue(self.row(rows.LOWER, [240], [900], rows.Against, 250, 120).reaches(250))
        self.assertFalse(self.row(rows.SIZE, [0.4], [], rows.AtLeast, 0.5).reaches(0.5))
        bare = self.row(rows.LOWER, [260], [], rows.AgainstLimit, 1.3, 1.15)
        bare.limits = [200]
        self.assertEqual(bare.ratio(), 1.3)
        self.assertTrue(bare.reaches(1.3))


class Trees(unittest.TestCase):
    def test_parents_come_first(self):
        tree = county(os.path.join('data', 'yongshun.csv'))
        seen = set()
        for code, parent in tree.parent.items():
            self.assertTrue(parent in seen or code == tree.root)
            seen.add(code)
        self.assertEqual(len(tree.inner) + len(tree.leaves), len(seen))


class Nodes(unittest.TestCase):
    def setUp(self):
        self.place = Place(tempfile.gettempdir())
        self.addCleanup(self.place.end)
        self.ours = Ours(self.place, star(2), 'few')

    def test_records_are_written_counted_cut_and_seen(self):
        ours = self.ours
        quiet = ours.relay.order('count')
        self.assertGreater(ours.steady('V1', 300)['visible_per_s'], 0)
        self.assertEqual(ours.records('C'), 300)
        self.assertGreater(ours.relay.order('count'), quiet + 300 * 40)
        self.assertGreater(ours.latency('V2', 3)['p50_us'], 0)
        ours.relay.order('cut')
        backlogs = [ours.backlog(code, 100) for code in ('V1', 'V2')]
        self.assertEqual(ours.records('C'), 303)
        first_s, all_s = ours.arrival(backlogs)
        self.assertLessEqual(first_s, all_s)
        self.assertEqual(ours.records('C'), 503)
        self.assertGreater(ours.local_one('V1', 3)['p50_us'], 0)
        self.assertGreater(ours.memory('C'), 0)
        self.assertGreater(ours.disk('C'), 0)

    def test_what_was_acknowledged_is_read_after_a_kill(self):
        self.assertGreater(self.ours.restart('V1', 50000), 0)


if __name__ == '__main__':
    unittest.main()
