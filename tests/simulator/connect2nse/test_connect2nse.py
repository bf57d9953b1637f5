"""The simulated members' extranet: its login, its tokens, its folders, its masters, its failures."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from muhurat.clock import NS_PER_S
from muhurat.simulator.conductor import Conductor
from muhurat.simulator.connect2nse.library import Masters
from muhurat.simulator.connect2nse.simulation import Connect2NseSimulation
from muhurat.simulator.options import SimOptions
from muhurat.simulator.reference.derivatives import Derivatives
from muhurat.simulator.reference.prices import Prices
from muhurat.simulator.reference.sessions import Sessions
from tests.simulator.file_venues import FRIDAY, at, conductor_at

CONTRACTS = {"segment": "FO", "folderPath": "/", "filename": "contract.gz"}
SECURITIES = {"segment": "CM", "folderPath": "/ntneat", "filename": "security.gz"}
MINUTE_NS = 60 * NS_PER_S

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def masters() -> Masters:
    return Masters(seed=1)


@dataclass
class Extranet:
    """A running extranet and a client of it."""

    simulation: Connect2NseSimulation
    conductor: Conductor
    client: httpx.AsyncClient

    @property
    def credentials(self) -> dict[str, str]:
        member = self.simulation.member
        return {
            "memberCode": member.member_code,
            "loginId": member.login_id,
            "password": member.encrypted_password,
        }

    async def log_in(self, version: str = "2.0", **different: Any) -> httpx.Response:
        return await self.client.post(f"/login/{version}", json={**self.credentials, **different})

    async def token(self) -> str:
        answer = await self.log_in()
        assert answer.status_code == 200, answer.text
        return str(answer.json()["token"])

    async def get(self, call: str, token: str, query: dict[str, str], version: str = "2.0") -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return await self.client.get(f"/{call}/{version}", params=query, headers=headers)

    async def download(self, token: str, query: dict[str, str]) -> httpx.Response:
        return await self.get("common/file/download", token, query)

    async def control(self, method: str, path: str, json: Any = None) -> Any:
        root = str(self.client.base_url).removesuffix("/extranet-api/")
        return (await self.client.request(method, root + path, json=json)).json()

    async def strike(self, fault: str, **how: Any) -> None:
        assert "id" in await self.control("POST", "/_sim/faults", {"fault": fault, **how})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host(tmp_path_factory: pytest.TempPathFactory, masters: Masters) -> AsyncIterator[Extranet]:
    """An extranet for all tests of this file."""
    conductor = conductor_at(tmp_path_factory.mktemp("extranet"), at("08:00"))
    simulation = Connect2NseSimulation(SimOptions(FRIDAY), conductor, masters)
    root = (await simulation.start({}))["connect2nse"]
    assert root.endswith("/extranet-api")
    async with httpx.AsyncClient(base_url=root, trust_env=False, timeout=20) as client:
        yield Extranet(simulation, conductor, client)
    await simulation.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def extranet(host: Extranet) -> Extranet:
    """On Friday at 08:00, as it began."""
    await host.control("DELETE", "/_sim/faults")
    await host.control("PUT", "/_sim/session", {"token_minutes": 60, "contract_in_ntneat": False, "unlock": True})
    host.conductor.page.now_ns = at("08:00")
    return host


def code(answer: httpx.Response) -> tuple[int, str]:
    """HTTP status and the extranet's own code."""
    return answer.status_code, answer.json()["code"][0]


@pytest.mark.parametrize("version", ["1.0", "2.0"])
async def test_a_login_gives_a_token_of_sixty_minutes(extranet: Extranet, version: str) -> None:
    answer = (await extranet.log_in(version)).json()
    assert answer["responseCode"] == ["601"]
    assert answer["status"] == "success"
    head, claims, signature = (
        base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in answer["token"].split(".")
    )
    told = json.loads(claims)
    assert json.loads(head) == {"alg": "RS256", "typ": "JWT"}
    assert len(signature) == 256
    assert told["exp"] - told["iat"] == 3_600
    assert told["iat"] == at("08:00") // NS_PER_S
    assert told["memberCd"] == answer["memberCode"]


async def test_the_password_is_encrypted_as_the_specification_says(extranet: Extranet) -> None:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    told = await extranet.control("GET", "/_sim/session")
    key = base64.b64decode(told["secret_key"])
    opened = (
        Cipher(algorithms.AES256(key), modes.ECB()).decryptor().update(base64.b64decode(told["encrypted_password"]))
    )
    assert opened[: -opened[-1]].decode() == told["password"]
    urlsafe = told["encrypted_password"].replace("+", "-").replace("/", "_")
    assert (await extranet.log_in(password=urlsafe)).status_code == 200


@pytest.mark.parametrize(
    ("different", "refusal"),
    [
        ({"password": "wrong"}, (401, "701")),
        ({"memberCode": "00000"}, (401, "701")),
        ({"loginId": "simdesk01"}, (401, "701")),
        ({"password": ""}, (400, "917")),
        ({"memberCode": 7}, (400, "921")),
    ],
    ids=["password", "member", "case of the login", "blank", "no text"],
)
async def test_what_a_login_is_refused_for(
    extranet: Extranet, different: dict[str, Any], refusal: tuple[int, str]
) -> None:
    answer = await extranet.log_in(**different)
    assert code(answer) == refusal
    assert answer.json()["token"] is None
    assert answer.json()["status"] == "error"


async def test_parameters_of_a_login_are_case_sensitive(extranet: Extranet) -> None:
    told = extranet.credentials
    answer = await extranet.client.post(
        "/login/2.0", json={"membercode": told["memberCode"], "loginId": told["loginId"], "password": told["password"]}
    )
    assert code(answer) == (400, "917")


async def test_five_wrong_passwords_lock_the_login(extranet: Extranet) -> None:
    for _ in range(5):
        assert code(await extranet.log_in(password="wrong")) == (401, "701")
    assert code(await extranet.log_in()) == (401, "956")
    assert (await extranet.control("GET", "/_sim/session"))["locked"] is True
    await extranet.control("PUT", "/_sim/session", {"unlock": True})
    assert (await extranet.log_in()).status_code == 200


async def test_a_right_password_forgives_wrong_ones(extranet: Extranet) -> None:
    for _ in range(2):
        for _ in range(4):
            await extranet.log_in(password="wrong")
        assert (await extranet.log_in()).status_code == 200


async def test_calls_that_do_not_exist(extranet: Extranet) -> None:
    assert code(await extranet.log_in("3.0")) == (400, "920")
    assert code(await extranet.client.get("/login/2.0")) == (405, "606")
    assert code(await extranet.client.get("/common/files/2.0")) == (404, "923")
    assert code(await extranet.client.post("/login/2.0", content=b"a=b")) == (400, "924")
    broken = await extranet.client.post("/login/2.0", content=b"{", headers={"Content-Type": "application/json"})
    assert code(broken) == (400, "921")


async def test_a_token_ends_after_its_time_on_the_desks_clock(extranet: Extranet) -> None:
    token = await extranet.token()
    extranet.conductor.page.now_ns = at("08:00") + 59 * MINUTE_NS
    assert (await extranet.download(token, SECURITIES)).status_code == 200
    extranet.conductor.page.now_ns = at("08:00") + 60 * MINUTE_NS
    assert code(await extranet.download(token, SECURITIES)) == (401, "803")


async def test_the_time_of_a_token_can_be_changed(extranet: Extranet) -> None:
    await extranet.control("PUT", "/_sim/session", {"token_minutes": 0.5})
    token = await extranet.token()
    extranet.conductor.page.now_ns = at("08:01")
    assert code(await extranet.download(token, SECURITIES)) == (401, "803")


async def test_a_new_login_ends_the_token_before(extranet: Extranet) -> None:
    first, second = await extranet.token(), await extranet.token()
    assert code(await extranet.download(first, SECURITIES)) == (401, "803")
    assert (await extranet.download(second, SECURITIES)).status_code == 200


async def test_a_logout_ends_the_token(extranet: Extranet) -> None:
    token, told = await extranet.token(), extranet.credentials
    headers = {"Authorization": f"Bearer {token}"}
    ids = {"memberCode": told["memberCode"], "loginId": told["loginId"]}
    other = await extranet.client.post("/logout/2.0", json={**ids, "loginId": "OTHER"}, headers=headers)
    assert code(other) == (401, "703")
    assert (await extranet.client.post("/logout/2.0", json=ids, headers=headers)).json()["responseCode"] == ["601"]
    assert code(await extranet.download(token, SECURITIES)) == (401, "803")


async def test_a_token_nobody_gave_is_refused(extranet: Extranet) -> None:
    assert code(await extranet.download("guess", SECURITIES)) == (401, "802")
    assert code(await extranet.client.get("/common/file/download/2.0", params=SECURITIES)) == (401, "802")


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ({"Segment": "CM", "folderPath": "/ntneat", "filename": "security.gz"}, (400, "706")),
        ({"segment": "CM", "folderpath": "/ntneat", "filename": "security.gz"}, (400, "706")),
        ({"segment": "CM", "folderPath": "/ntneat"}, (400, "706")),
        ({**SECURITIES, "segment": ""}, (400, "917")),
        ({**SECURITIES, "filename": ""}, (400, "917")),
        ({**SECURITIES, "segment": "cm"}, (400, "711")),
        ({**SECURITIES, "folderPath": "ntneat"}, (400, "712")),
        ({**SECURITIES, "folderPath": "\\ntneat"}, (401, "712")),
        ({**SECURITIES, "filename": "../security.gz"}, (400, "713")),
        ({**SECURITIES, "filename": "SECURITY.GZ"}, (404, "714")),
        ({**SECURITIES, "folderPath": "/nothing"}, (404, "715")),
        ({"segment": "CM", "folderPath": "/ntneat", "date": "2026-11-20"}, (400, "710")),
    ],
    ids=lambda each: str(each[1]) if isinstance(each, tuple) else None,
)
async def test_what_a_download_is_refused_for(
    extranet: Extranet, query: dict[str, str], refusal: tuple[int, str]
) -> None:
    assert code(await extranet.download(await extranet.token(), query)) == refusal


async def test_folders_tell_what_is_in_them(extranet: Extranet) -> None:
    token = await extranet.token()
    root = (await extranet.get("common/content", token, {"segment": "CM", "folderPath": "/"})).json()
    assert root["responseCode"] == ["601"]
    assert root["versionNo"] == "2.0"
    assert [(each["name"], each["type"]) for each in root["data"]] == [("ntneat", "Folder")]
    below = (await extranet.get("common/content", token, {"segment": "CM", "folderPath": "/ntneat"})).json()["data"]
    assert below == [
        {"folderPath": "/ntneat", "name": "security.gz", "type": "File", "lastUpdated": "2026-11-20 06:10:00"}
    ]
    nothing = (await extranet.get("common/content", token, {"segment": "SLB", "folderPath": "/"})).json()
    assert (nothing["responseCode"], nothing["data"]) == (["601"], [])
    assert code(await extranet.get("common/content", token, {"segment": "FO", "folderPath": "/no"})) == (404, "715")


async def test_the_contract_master_can_lie_in_the_other_folder(extranet: Extranet) -> None:
    token = await extranet.token()
    elsewhere = {**CONTRACTS, "segment": "CM", "folderPath": "/ntneat"}
    assert code(await extranet.download(token, elsewhere)) == (404, "714")
    await extranet.control("PUT", "/_sim/session", {"contract_in_ntneat": True})
    assert (await extranet.download(token, elsewhere)).status_code == 200
    assert code(await extranet.download(token, CONTRACTS)) == (404, "714")


async def test_the_contract_master_is_as_documented(extranet: Extranet) -> None:
    answer = await extranet.download(await extranet.token(), CONTRACTS)
    assert answer.content[:2] == b"\x1f\x8b"
    assert "contract.gz" in answer.headers["content-disposition"]
    first, *lines = gzip.decompress(answer.content).decode("ascii").splitlines()
    rows = [line.split("|") for line in lines]
    assert first.startswith("NEATFO|7.0.4|")
    assert {len(row) for row in rows} == {69}
    assert len({row[0] for row in rows}) == len(rows)

    contracts = [row for row in rows if row[2] in {"FUTIDX", "FUTSTK", "OPTIDX", "OPTSTK"}]
    assert len(contracts) > 50_000
    assert len(set(Counter(row[2] for row in contracts))) == 4
    assert len(contracts) < len(rows)  # what they are written on has rows too
    assert [row for row in contracts if "NSETEST" in row[3]]
    assert all(row[8] in {"CE", "PE"} and int(row[7]) > 0 for row in contracts if row[2].startswith("OPT"))
    assert all((row[7], row[8]) == ("-1", "XX") for row in contracts if row[2].startswith("FUT"))
    assert all(int(row[30]) > 0 and int(row[31]) > 0 for row in contracts)
    assert all(re.fullmatch(r"\d\.\d{14}E\+\d\d", row[33]) for row in rows)
    expires_s = {int(row[6]) for row in contracts}
    assert {second % 86_400 for second in expires_s} == {52_200}  # 14:30
    days = {date.fromordinal(date(1980, 1, 1).toordinal() + second // 86_400) for second in expires_s}
    assert min(days) >= FRIDAY


async def test_tokens_and_lots_are_those_of_the_bhavcopy(masters: Masters) -> None:
    rows = [line.split("|") for line in gzip.decompress(masters.contracts(FRIDAY)).decode().splitlines()[1:]]
    master = {row[53]: (int(row[0]), int(row[30])) for row in rows}
    listed = Derivatives(Prices(1, Sessions("XNSE"))).contracts(FRIDAY)
    ours = dict(zip(listed.name, zip(listed.token.tolist(), listed.lot.tolist(), strict=True), strict=True))
    assert ours.items() <= master.items()


async def test_the_security_master_has_its_fields(extranet: Extranet) -> None:
    answer = await extranet.download(await extranet.token(), SECURITIES)
    first, *lines = gzip.decompress(answer.content).decode("ascii").splitlines()
    rows = [line.split("|") for line in lines]
    assert first.startswith("NEATCM|")
    assert len(rows) > 2_000
    assert {len(row) for row in rows} == {54}
    assert len({row[0] for row in rows}) == len(rows)
    assert all(re.fullmatch(r"IN[A-Z0-9]{9}\d", row[53]) for row in rows)
    assert {"EQ", "BE", "SM", "GS"} <= {row[2] for row in rows}


async def test_the_masters_of_a_day_come_in_the_morning(masters: Masters) -> None:
    assert masters.session_at(at("06:00")) == date(2026, 11, 19)
    assert masters.session_at(at("06:10")) == FRIDAY
    assert masters.contracts(date(2026, 11, 19)) != masters.contracts(FRIDAY)


@pytest.mark.parametrize(
    ("fault", "refusal"),
    [("technical", (500, "605")), ("concurrent", (400, "607")), ("auth_down", (500, "925"))],
    ids=["605", "607", "925"],
)
async def test_codes_on_command_hit_any_call(extranet: Extranet, fault: str, refusal: tuple[int, str]) -> None:
    await extranet.strike(fault, count=1)
    assert code(await extranet.log_in()) == refusal
    token = await extranet.token()
    await extranet.strike(fault, count=1)
    assert code(await extranet.download(token, SECURITIES)) == refusal


async def test_a_disabled_login_an_ineligible_member_and_an_early_end(extranet: Extranet) -> None:
    await extranet.strike("disabled", count=1)
    assert code(await extranet.log_in()) == (401, "702")
    token = await extranet.token()
    await extranet.strike("not_eligible", count=1)
    assert code(await extranet.download(token, SECURITIES)) == (403, "704")
    await extranet.strike("expired")
    assert code(await extranet.download(token, SECURITIES)) == (401, "803")
    assert (await extranet.download(await extranet.token(), SECURITIES)).status_code == 200


async def test_faults_of_a_file(extranet: Extranet) -> None:
    token = await extranet.token()
    whole = (await extranet.download(token, SECURITIES)).content

    async def struck(fault: str) -> httpx.Response:
        await extranet.strike(fault, count=1, path="/extranet-api/common/file/download")
        return await extranet.download(token, SECURITIES)

    assert code(await struck("missing")) == (404, "714")
    assert (await struck("forbidden")).status_code == 403
    assert (await struck("unavailable")).status_code == 503
    assert (await struck("throttled")).headers["retry-after"]
    assert (await struck("html")).headers["content-type"].startswith("text/html")
    assert (await struck("truncated")).content == whole[: len(whole) // 2]
    assert len(gzip.decompress((await struck("empty")).content).splitlines()) == 1
    changed = gzip.decompress((await struck("changed_column")).content).splitlines()
    assert {line.count(b"|") for line in changed[1:]} == {54}
    other = gzip.decompress((await struck("wrong_date")).content).splitlines()
    assert other[0] != gzip.decompress(whole).splitlines()[0]


async def test_a_changed_format_of_the_contract_master_shows(extranet: Extranet) -> None:
    await extranet.strike("changed_column")
    answer = await extranet.download(await extranet.token(), CONTRACTS)
    assert {line.count(b"|") for line in gzip.decompress(answer.content).splitlines()[1:]} == {69}


async def test_a_page_instead_of_a_login(extranet: Extranet) -> None:
    await extranet.strike("html", count=1, path="/extranet-api/login")
    answer = await extranet.log_in()
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, "text/html")


@pytest.mark.parametrize("fault", ["hang", "drip"])
async def test_what_does_not_end_ends_with_the_simulator(tmp_path: Path, masters: Masters, fault: str) -> None:
    conductor = conductor_at(tmp_path, at("08:00"))
    simulation = Connect2NseSimulation(SimOptions(FRIDAY), conductor, masters)
    root = (await simulation.start({}))["connect2nse"]
    async with httpx.AsyncClient(base_url=root, trust_env=False, timeout=20) as client:
        extranet = Extranet(simulation, conductor, client)
        token = await extranet.token()
        await extranet.strike(fault)
        waiting = asyncio.create_task(extranet.download(token, SECURITIES))
        await asyncio.sleep(0.6)
        assert not waiting.done()
        began = time.monotonic()
        await simulation.stop()
        assert time.monotonic() - began < 2
        await asyncio.gather(waiting, return_exceptions=True)


async def test_real_files_come_first(tmp_path: Path, masters: Masters) -> None:
    real = tmp_path / "real" / "www.connect2nse.com" / "FO"
    real.mkdir(parents=True)
    (real / "contract.gz").write_bytes(gzip.compress(b"NEATFO|real"))
    options = SimOptions(FRIDAY, files=tmp_path / "real")
    conductor = conductor_at(tmp_path, at("08:00"))
    simulation = Connect2NseSimulation(options, conductor, masters)
    root = (await simulation.start({}))["connect2nse"]
    async with httpx.AsyncClient(base_url=root, trust_env=False) as client:
        extranet = Extranet(simulation, conductor, client)
        answer = await extranet.download(await extranet.token(), CONTRACTS)
    assert gzip.decompress(answer.content) == b"NEATFO|real"
    await simulation.stop()


async def test_nobody_is_told_a_secret_by_the_stats(extranet: Extranet) -> None:
    token = await extranet.token()
    stats = json.dumps(await extranet.control("GET", "/_sim/stats"))
    assert token not in stats
    assert extranet.simulation.member.encrypted_password not in stats


async def test_real_contracts_have_the_layout_of_ours(samples: Path, masters: Masters) -> None:
    real = (samples / "nse" / "contract-master" / "cd_contract_20170526.txt").read_text().splitlines()
    ours = gzip.decompress(masters.contracts(FRIDAY)).decode().splitlines()
    blanks = {tuple(not text for text in line.split("|")) for line in real if "|OPTCUR|" in line}
    option = next(line for line in ours if "|OPTIDX|" in line)
    assert ours[0].split("|")[1] == real[0].split("|")[1]
    assert tuple(not text for text in option.split("|")) in blanks
