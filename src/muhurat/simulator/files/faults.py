"""The faults that every simulated venue of files knows. They last until cleared, unless a request says otherwise."""

from __future__ import annotations

from typing import Final

from muhurat.simulator.faults import Kind

FILE_FAULTS: Final = {
    "missing": Kind("answer as this venue does for a file that is not there"),
    "forbidden": Kind("answer 403"),
    "unavailable": Kind("answer 503"),
    "throttled": Kind("answer 429 with Retry-After"),
    "hang": Kind("accept the request and send nothing"),
    "html": Kind("answer 200 with a page instead of the file"),
    "drip": Kind("send the file a few bytes a second"),
    "truncated": Kind("send the first half of the file with the headers of a whole one"),
    "wrong_date": Kind("send the file of another day under this day's name"),
    "changed_column": Kind("send the file with a column, an element or a key renamed"),
    "empty": Kind("send the file without a row"),
    "wrong_member": Kind("send an archive with two members of other names"),
}
