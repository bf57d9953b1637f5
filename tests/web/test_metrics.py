"""The desk as Prometheus reads it, parsed by Prometheus' own parser."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from muhurat.web.metrics import metrics
from tests.web.made import FEED, MadeDesk

Labels = dict[str, str]


class Scraped:
    """The samples of one scrape, by name and labels."""

    def __init__(self, desk: MadeDesk) -> None:
        content, self.kind = metrics(desk.place.run_dir, desk.clock)
        self.families = list(text_string_to_metric_families(content.decode()))
        self.samples = [sample for family in self.families for sample in family.samples]

    def of(self, name: str, **labels: str) -> float | None:
        found = [one.value for one in self.samples if one.name == name and labels.items() <= one.labels.items()]
        assert len(found) < 2, found
        return found[0] if found else None


def test_a_feed_tells_its_counts_age_and_lag(desk: MadeDesk) -> None:
    desk.record(packets=1_234, messages=77, bytes=184_000, gaps=2, reconnects=1, dropped_records=3, buffered_records=4)
    seen = Scraped(desk)
    assert seen.kind.startswith("text/plain")
    assert seen.of("muhurat_feed_packets_total", feed=FEED) == 1_234
    assert seen.of("muhurat_feed_messages_total", feed=FEED) == 77
    assert seen.of("muhurat_feed_bytes_total", feed=FEED) == 184_000
    assert seen.of("muhurat_feed_packets_per_second", feed=FEED) == 183.4
    assert seen.of("muhurat_feed_gaps_total", feed=FEED) == 2
    assert seen.of("muhurat_feed_reconnects_total", feed=FEED) == 1
    assert seen.of("muhurat_feed_dropped_records_total", feed=FEED) == 3
    assert seen.of("muhurat_feed_buffered_records", feed=FEED) == 4
    assert seen.of("muhurat_feed_up", feed=FEED) == 1
    assert seen.of("muhurat_feed_last_data_age_seconds", feed=FEED) == 0.5
    assert seen.of("muhurat_feed_receive_lag_seconds", feed=FEED, quantile="0.5") == 0.61
    assert seen.of("muhurat_feed_receive_lag_seconds", feed=FEED, quantile="0.99") == 1.1
    assert seen.of("muhurat_decode_ticks_total", feed=FEED) == 900
    assert seen.of("muhurat_decode_lag_seconds", feed=FEED) == 0.02


def test_a_publisher_and_the_disk_are_told(desk: MadeDesk) -> None:
    told = {"published_records": 9, "published_bytes": 800, "dropped_records": 2}
    desk.say("publish", feed=FEED, state="connected", behind_records=1, behind_bytes=90, lag_s=0.25, **told)
    desk.say_disk(free_bytes=41_000, bytes_per_hour=2_000.0, hours_left=20.5, trouble=None)
    seen = Scraped(desk)
    assert seen.of("muhurat_publish_records_total", feed=FEED) == 9
    assert seen.of("muhurat_publish_bytes_total", feed=FEED) == 800
    assert seen.of("muhurat_publish_dropped_records_total", feed=FEED) == 2
    assert seen.of("muhurat_publish_behind_records", feed=FEED) == 1
    assert seen.of("muhurat_publish_behind_bytes", feed=FEED) == 90
    assert seen.of("muhurat_publish_lag_seconds", feed=FEED) == 0.25
    assert seen.of("muhurat_disk_free_bytes") == 41_000
    assert seen.of("muhurat_disk_fill_bytes_per_hour") == 2_000
    assert seen.of("muhurat_disk_full_in_seconds") == 73_800
    assert seen.of("muhurat_disk_trouble") == 0


def test_services_are_up_or_not_with_their_restarts(desk: MadeDesk) -> None:
    desk.rows[1]["restarts"] = 5
    desk.put("trader", "fatal", "exit code 2")
    seen = Scraped(desk)
    assert seen.of("muhurat_supervisor_up") == 1
    assert seen.of("muhurat_service_up", service="recorder") == 1
    assert seen.of("muhurat_service_up", service="trader") == 0
    assert seen.of("muhurat_service_restarts_total", service="recorder") == 5
    assert (seen.of("muhurat_heartbeat_age_seconds", service="decode") or 0) < 30


def test_a_process_that_is_gone_says_nothing_of_the_present(desk: MadeDesk) -> None:
    desk.record(state="connected", packets=1_234)
    assert Scraped(desk).of("muhurat_feed_up", feed=FEED) == 1
    desk.put("recorder", "fatal", "killed")
    seen = Scraped(desk)
    assert seen.of("muhurat_feed_up", feed=FEED) == 0
    assert seen.of("muhurat_feed_packets_total", feed=FEED) == 1_234
    assert seen.of("muhurat_feed_packets_per_second", feed=FEED) is None
    assert seen.of("muhurat_heartbeat_age_seconds", service="recorder") is None
    assert seen.of("muhurat_heartbeat_age_seconds", service="decode") is not None


def test_what_is_not_known_is_left_out_and_never_zero(desk: MadeDesk) -> None:
    desk.record(last_data_ns=0)
    desk.say("decode", "ticks", feed=FEED, rows=0, receive_lag_p50_s=None, receive_lag_p99_s=None)
    seen = Scraped(desk)
    for absent in ("muhurat_feed_last_data_age_seconds", "muhurat_feed_receive_lag_seconds", "muhurat_disk_free_bytes"):
        assert seen.of(absent) is None
    assert seen.of("muhurat_publish_records_total") is None


def test_a_refused_session_and_unknown_packets_can_be_alerted_on(desk: MadeDesk) -> None:
    desk.record(state="refused", login_needed=True)
    desk.say("decode", "ticks", feed=FEED, rows=1, unknown_lengths={"12": 3})
    seen = Scraped(desk)
    assert seen.of("muhurat_feed_login_needed", feed=FEED) == 1
    assert seen.of("muhurat_feed_up", feed=FEED) == 0
    assert seen.of("muhurat_decode_unknown_packets_total", feed=FEED, length="12") == 3


def test_every_metric_says_what_it_means_and_counters_are_totals(desk: MadeDesk) -> None:
    for family in Scraped(desk).families:
        assert family.documentation, family.name
        assert family.name.startswith("muhurat_")
        if family.type == "counter":
            assert all(sample.name.endswith("_total") for sample in family.samples)


@pytest.mark.parametrize("name", ['a"b', "line\nfeed"])
def test_strange_names_stay_labels(desk: MadeDesk, name: str) -> None:
    desk.say("recorder", "packets", feeds={name: {"packets": 1}})
    assert Scraped(desk).of("muhurat_feed_packets_total", feed=name) == 1


def test_a_folder_in_which_nothing_ever_ran_is_no_error(tmp_path: Path) -> None:
    seen = Scraped(MadeDesk(tmp_path))
    assert seen.of("muhurat_supervisor_up") == 0
