"""The station under the Node's worst days: receipts that come twice, twenty times at once, too late, or for nobody.

Strict where nothing has happened, lenient where money has moved (DESIGN 5, CORE 1).
"""

import base64
import json
import os
import secrets
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from lib.client import fine
from lib.station import BROKER, PA, SOAP, STATION, Receipt, Said, envelope
from lib.tools import SPECS
from lib.world import EINSTEIN, PERTINI, STRANGER, World
from lxml import etree

SCHOOL = PERTINI.code
DELIVERIES = 20


@pytest.fixture
def notice(world: World) -> dict:
    """A fresh notice of 22.00 EUR, nobody's but this test's."""
    return world.clerk().issue(world.pupil())


def unknown_number(segregation: str = PERTINI.segregation) -> str:
    """A number with right check digits that nobody ever issued: far above what the tests reserve."""
    head = int(f"3{segregation}{9 * 10**12 + secrets.randbelow(10**12)}")
    return f"{head}{head % 93:02}"


# ----------------------------------------------------------- what is due


def test_verify_and_activation_tell_the_amount_due_and_change_nothing(world: World, notice: dict) -> None:
    number = notice["number"]
    for _ in range(2):
        verified = world.station.verify(SCHOOL, number)
        assert verified.operation == "paVerifyPaymentNoticeRes" and verified.verdict == "OK"
        assert verified.text("paymentList/paymentOptionDescription/amount") == "22.00"
        assert verified.text("fiscalCodePA") == SCHOOL and verified.text("companyName") == PERTINI.name
    for version, root in (("V1", "paGetPaymentRes"), ("V2", "paGetPaymentV2Response")):
        # The amount asked for may be stale: the answer tells the one due now.
        payment = world.station.get_payment(SCHOOL, number, version=version, amount="1.00")
        assert payment.operation == root and payment.verdict == "OK"
        assert payment.text("data/creditorReferenceId") == number[1:]
        assert payment.text("data/paymentAmount") == payment.text("data/transferList/transfer/transferAmount") == "22.00"
        assert payment.text("data/transferList/transfer/IBAN") == "IT60X0542811101000000123456"
    assert world.clerk().notice(number)["status"] == "payable"


@pytest.mark.parametrize("ask", ["verify", "get_payment"])
def test_the_node_is_refused_in_the_order_of_the_guide_to_errors(world: World, notice: dict, ask: str) -> None:
    number = notice["number"]
    asked = getattr(world.station, ask)
    assert asked(SCHOOL, number, broker="97654320585").verdict == "PAA_ID_INTERMEDIARIO_ERRATO"
    assert asked(SCHOOL, number, station="99999000013_99").verdict == "PAA_STAZIONE_INT_ERRATA"
    assert asked(STRANGER, number).verdict == "PAA_ID_DOMINIO_ERRATO"
    assert asked(SCHOOL, unknown_number()).verdict == "PAA_PAGAMENTO_SCONOSCIUTO"
    assert asked(SCHOOL, "0" * 18).verdict == "PAA_PAGAMENTO_SCONOSCIUTO", "the Node's probe"
    assert asked(EINSTEIN.code, number).verdict == "PAA_PAGAMENTO_SCONOSCIUTO", "another school's notice"


def test_the_two_codes_of_a_school_must_agree(world: World, notice: dict) -> None:
    refused = world.station.verify(SCHOOL, notice["number"], qr_school=EINSTEIN.code)
    assert refused.verdict == "PAA_ID_DOMINIO_ERRATO" and refused.text("fault/id") == SCHOOL


def test_a_spontaneous_payment_finds_no_service(world: World) -> None:
    assert world.station.demand(SCHOOL).verdict == "PAA_PAGAMENTO_SCONOSCIUTO"


# -------------------------------------------------------------- receipts


def test_twenty_deliveries_at_once_and_one_with_other_money_settle_once(world: World, notice: dict) -> None:
    number = notice["number"]
    receipt = Receipt(SCHOOL, number)
    other_money = receipt.but(iban="IT79K0300203280000400162854")
    start = threading.Barrier(DELIVERIES + 1)
    verified: list[str] = []

    def deliver(copy: Receipt) -> str:
        start.wait()
        said = world.station.deliver(copy)
        if said.verdict == "OK":
            # At this very moment the payer may ask again.
            verified.append(world.station.verify(SCHOOL, number).verdict)
        return said.verdict

    with ThreadPoolExecutor(DELIVERIES + 1) as pool:
        verdicts = list(pool.map(deliver, [receipt] * DELIVERIES + [other_money]))
    assert sorted(verdicts) == ["OK"] + ["PAA_RECEIPT_DUPLICATA"] * DELIVERIES
    assert verified == ["PAA_PAGAMENTO_DUPLICATO"]

    kept = {item["SK"] for item in world.items(f"RECEIPT#{SCHOOL}#{receipt.id}")}
    copies = [key for key in kept if key.startswith("COPY#")]
    assert kept == {"OK", *copies} and len(copies) == 1, kept
    [item] = world.items(f"NOTICE#{SCHOOL}#{number}")
    assert item["state"] == "paid" and item["version"] == 2, "written once at issue, once at settlement"
    assert item["receipt"] == receipt.id and not item["further"]

    # One flag: the school is told of the copy with other money, and of nothing else.
    wait_for_claim(world, f"odd-receipt/RECEIPT#{SCHOOL}#{receipt.id}|COPY#")
    told = [mail for mail in world.stack.mails(PERTINI.email) if receipt.id in mail["text"]]
    assert len(told) == 1 and "Segnalazione su una ricevuta" in told[0]["subject"]
    assert world.claims(f"odd-receipt/RECEIPT#{SCHOOL}#{receipt.id}|OK") == []
    assert world.clerk().notice(number)["status"] == "paid"


def test_other_money_under_a_known_id_changes_nothing_and_is_flagged_once(world: World, notice: dict) -> None:
    receipt = world.station.pay(SCHOOL, notice["number"])
    before = world.items(f"NOTICE#{SCHOOL}#{notice['number']}")
    for _ in range(3):
        assert world.station.deliver(receipt.but(amount="220.00")).verdict == "PAA_RECEIPT_DUPLICATA"
        assert world.station.deliver(receipt).verdict == "PAA_RECEIPT_DUPLICATA"
        # The same money in another dialect is no alarm.
        assert world.station.deliver(receipt.but(psp="Altra Banca", fee="2.00"), "V1").verdict == "PAA_RECEIPT_DUPLICATA"
    assert world.items(f"NOTICE#{SCHOOL}#{notice['number']}") == before
    copies = [item for item in world.items(f"RECEIPT#{SCHOOL}#{receipt.id}") if item["SK"].startswith("COPY#")]
    assert [copy["oddities"] for copy in copies] == [[{"what": "other-money"}]]


def test_a_receipt_in_the_first_dialect_pays_as_well(world: World, notice: dict) -> None:
    said = world.station.deliver(Receipt(SCHOOL, notice["number"]), "V1")
    assert said.operation == "paSendRTRes" and said.verdict == "OK"
    assert world.station.verify(SCHOOL, notice["number"]).verdict == "PAA_PAGAMENTO_DUPLICATO"


def test_a_receipt_for_an_unknown_notice_is_quarantined_and_answered_ok(world: World) -> None:
    number = unknown_number()
    receipt = Receipt(SCHOOL, number)
    assert world.station.deliver(receipt).verdict == "OK"
    assert world.station.verify(SCHOOL, number).verdict == "PAA_PAGAMENTO_DUPLICATO", "never to be paid or issued again"
    [stored] = world.items(f"RECEIPT#{SCHOOL}#{receipt.id}")
    assert stored["oddities"] == [{"what": "unknown-notice"}] and stored["raw"], "the delivered bytes are kept"
    [slot] = world.items(f"NOTICE#{SCHOOL}#{number}")
    assert slot["settlement"]["receipt"] == receipt.id
    wait_for_claim(world, f"odd-receipt/RECEIPT#{SCHOOL}#{receipt.id}|OK/")


def wait_for_claim(world: World, beginning: str) -> None:
    def look() -> bool:
        claims = world.claims(beginning)
        return len(claims) == 1 and claims[0]["done"]

    world.stack.wait_for(f"the claim {beginning}", look)


def test_a_second_receipt_is_kept_and_told_to_the_school(world: World, notice: dict) -> None:
    first = world.station.pay(SCHOOL, notice["number"])
    second = Receipt(SCHOOL, notice["number"])
    assert world.station.deliver(second).verdict == "OK", "the money has moved"
    assert world.station.deliver(second).verdict == "PAA_RECEIPT_DUPLICATA"
    [stored] = world.items(f"RECEIPT#{SCHOOL}#{second.id}")
    assert stored["oddities"] == [{"what": "second", "first": first.id}]
    [item] = world.items(f"NOTICE#{SCHOOL}#{notice['number']}")
    assert (item["receipt"], item["further"]) == (first.id, [second.id])
    wait_for_claim(world, f"odd-receipt/RECEIPT#{SCHOOL}#{second.id}|OK/")
    detail = world.clerk().notice(notice["number"])
    assert detail["status"] == "paid" and detail["oddities"]


def test_another_amount_pays_and_is_flagged(world: World, notice: dict) -> None:
    receipt = Receipt(SCHOOL, notice["number"], "20.00")
    assert world.station.deliver(receipt).verdict == "OK"
    assert world.station.verify(SCHOOL, notice["number"]).verdict == "PAA_PAGAMENTO_DUPLICATO"
    [stored] = world.items(f"RECEIPT#{SCHOOL}#{receipt.id}")
    assert [oddity["what"] for oddity in stored["oddities"]] == ["other-amount"]
    # What is due stays what it was; what was paid is told beside it.
    detail = world.clerk().notice(notice["number"])
    assert detail["amount"] == "22.00" and "20.00" in str(detail)
    # A further receipt finds the item as whole as the first one did.
    assert world.station.deliver(Receipt(SCHOOL, notice["number"])).verdict == "OK"
    assert world.clerk().notice(notice["number"])["amount"] == "22.00"


def test_a_receipt_for_a_school_that_is_not_ours_is_refused(world: World) -> None:
    receipt = Receipt(STRANGER, unknown_number())
    said = world.station.deliver(receipt)
    assert said.verdict == "PAA_ID_DOMINIO_ERRATO" and said.text("fault/id") == STRANGER
    assert world.items(f"RECEIPT#{STRANGER}#{receipt.id}") == []


def test_a_copy_for_a_secondary_beneficiary_is_kept_and_touches_no_notice(world: World, notice: dict) -> None:
    """The addressee has a notice of the same number: it stays payable, the copy is about somebody else's."""
    copy = Receipt(SCHOOL, notice["number"], creditor=EINSTEIN.code)
    assert world.station.deliver(copy).verdict == "OK"
    assert world.station.verify(SCHOOL, notice["number"]).verdict == "OK"
    assert len(world.items(f"RECEIPT#{SCHOOL}#{copy.id}")) == 1
    # The same id for another addressee is another copy, not a repeat.
    assert world.station.deliver(Receipt(EINSTEIN.code, notice["number"], id=copy.id)).verdict == "OK"


def test_an_outcome_ko_pays_nothing_and_leaves_the_id_to_the_receipt_that_does(world: World, notice: dict) -> None:
    receipt = Receipt(SCHOOL, notice["number"])
    assert world.station.deliver(receipt.but(outcome="KO")).verdict == "OK"
    assert world.station.verify(SCHOOL, notice["number"]).verdict == "OK"
    assert world.station.deliver(receipt).verdict == "OK"
    assert world.station.verify(SCHOOL, notice["number"]).verdict == "PAA_PAGAMENTO_DUPLICATO"


@pytest.mark.parametrize("odd", [
    {"broker": "97654320585"}, {"station": "97654320585_01"}, {"extra": "<novelty>1</novelty>"}, {"transfer_amount": "21.00"},
], ids=["another broker", "another station", "an unknown element", "transfers that do not add up"])
def test_a_receipt_with_oddities_pays(world: World, notice: dict, odd: dict) -> None:
    receipt = Receipt(SCHOOL, notice["number"]).but(**odd)
    assert world.station.deliver(receipt).verdict == "OK"
    assert world.station.verify(SCHOOL, notice["number"]).verdict == "PAA_PAGAMENTO_DUPLICATO"


def test_a_receipt_larger_than_an_item_is_kept_whole(world: World, notice: dict) -> None:
    stamps = base64.b64encode(os.urandom(480_000)).decode()
    receipt = Receipt(SCHOOL, notice["number"]).but(extra=f"<novelty>{stamps}</novelty>")
    assert world.station.deliver(receipt).verdict == "OK"
    parts = {item["SK"] for item in world.items(f"RECEIPT#{SCHOOL}#{receipt.id}")}
    assert {"OK", "OK#RAW#1"} <= parts, parts


def test_a_large_outcome_ko_does_not_stand_in_the_way_of_the_receipt_that_pays(world: World, notice: dict) -> None:
    stamps = base64.b64encode(os.urandom(480_000)).decode()
    receipt = Receipt(SCHOOL, notice["number"]).but(extra=f"<novelty>{stamps}</novelty>")
    assert world.station.deliver(receipt.but(outcome="KO")).verdict == "OK"
    assert world.station.deliver(receipt).verdict == "OK"
    assert world.station.verify(SCHOOL, notice["number"]).verdict == "PAA_PAGAMENTO_DUPLICATO"
    conflicting = receipt.but(amount="21.00", transfer_amount="21.00")
    assert world.station.deliver(conflicting).verdict == "PAA_RECEIPT_DUPLICATA"
    partition = f"RECEIPT#{SCHOOL}#{receipt.id}"
    for part in ("KO", "KO#RAW#1", "OK", "OK#RAW#1"):
        assert "Item" in world.table.get_item(Key={"PK": partition, "SK": part}, ConsistentRead=True), part


def test_a_secondary_beneficiarys_copy_leaves_the_id_to_the_receipt_that_pays(world: World, notice: dict) -> None:
    receipt = Receipt(SCHOOL, notice["number"])
    assert world.station.deliver(receipt.but(creditor=EINSTEIN.code)).verdict == "OK"
    assert world.station.deliver(receipt).verdict == "OK"
    assert world.station.verify(SCHOOL, notice["number"]).verdict == "PAA_PAGAMENTO_DUPLICATO"


def test_the_school_is_told_of_an_oddity_whatever_the_receipts_id(world: World, notice: dict) -> None:
    receipt = Receipt(SCHOOL, notice["number"], amount="20.00").but(id=f"a|{Receipt(SCHOOL, '').id}|b")
    assert world.station.deliver(receipt).verdict == "OK"

    def told() -> bool:
        return any(receipt.id in mail["text"] for mail in world.stack.mails(PERTINI.email))

    world.stack.wait_for("the school's mail", told)


# ------------------------------------------------------- what is no request


@pytest.mark.parametrize("body", [
    b"", b"not XML", b"<a", b"<Envelope/>", envelope("paSendRTRequest", "<idPA>1</idPA>"), "à".encode("latin-1"),
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + envelope("paVerifyPaymentNoticeReq", "<idPA>&e;</idPA>")[38:],
    f'<s:Envelope xmlns:s="{SOAP}"><s:Body/></s:Envelope>'.encode(),
], ids=["nothing", "text", "torn", "no SOAP", "unknown operation", "not UTF-8", "document type", "empty body"])
def test_what_cannot_be_read_gets_a_soap_fault_and_no_business_answer(world: World, body: bytes) -> None:
    said = world.station.post(body)
    assert said.status == 400, said.body
    assert said.soap_fault == "soapenv:Client"
    assert b"passwd" not in said.body and b"root:" not in said.body, "nothing of the input comes back"


def test_content_that_breaks_the_schema_is_a_business_refusal(world: World, notice: dict) -> None:
    said = world.station.post(envelope("paVerifyPaymentNoticeReq", f"<idPA>{SCHOOL}</idPA><idBrokerPA>{BROKER}</idBrokerPA>"))
    assert said.verdict == "PAA_SINTASSI_EXTRAXSD" and said.text("fault/id") == SCHOOL
    lacking = Receipt(SCHOOL, notice["number"]).xml().replace(b"noticeNumber", b"noticenumber")
    assert world.station.post(lacking).verdict == "PAA_SINTASSI_EXTRAXSD", "without its notice a receipt cannot be kept"


def test_a_body_above_a_megabyte_is_refused(world: World) -> None:
    said = world.station.post(envelope("paSendRTReq", f"<novelty>{'a' * 1_000_001}</novelty>"))
    assert said.status == 413 and said.soap_fault == "soapenv:Client"


def test_the_station_takes_nothing_but_posts(world: World) -> None:
    for method in ("GET", "PUT"):
        said = world.station.post(b"", method=method)
        assert said.status == 405 and said.headers["allow"] == "POST"


@pytest.mark.parametrize("secret", ["", "0" * 64, "à"], ids=["none", "wrong", "odd"])
def test_who_does_not_know_the_secret_is_refused(world: World, notice: dict, secret: str) -> None:
    """Whoever could reach the station without it could claim that something was paid."""
    receipt = Receipt(SCHOOL, notice["number"])
    said = world.station.post(receipt.xml(), secret=secret)
    assert said.status == 403 and said.soap_fault == "soapenv:Client"
    assert world.items(f"RECEIPT#{SCHOOL}#{receipt.id}") == []


# -------------------------------------------------------------- the journal


def test_every_exchange_is_archived_byte_for_byte(world: World, notice: dict) -> None:
    """The exchange journal (R-21): request and answer, in the archive, for years."""
    world.station.verify(SCHOOL, notice["number"])
    asked = envelope("paVerifyPaymentNoticeReq", _verify_content(notice["number"]))
    said = world.station.post(asked)
    s3 = world.stack.client("s3")

    def inflate(part: str) -> bytes:
        return zlib.decompress(base64.b64decode(part), -15)

    def look() -> bool:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=world.stack.archive_bucket, Prefix="journal/"):
            for entry in page.get("Contents", []):
                lines = s3.get_object(Bucket=world.stack.archive_bucket, Key=entry["Key"])["Body"].read().decode().splitlines()
                for line in map(json.loads, lines):
                    if line.get("parts") != 1:  # the log of reserved numbers goes the same way
                        continue
                    request, _, answer = line["exchange"].partition("|")
                    if inflate(request) == asked:
                        return inflate(answer) == said.body and line["outcome"] == "OK"
        return False

    world.stack.wait_for("the exchange in the archive", look, every=0.3)


def _verify_content(number: str) -> str:
    mark = f"<!-- {number} -->"
    return f"""{mark}<idPA>{SCHOOL}</idPA><idBrokerPA>{BROKER}</idBrokerPA><idStation>{STATION}</idStation>
<qrCode><fiscalCode>{SCHOOL}</fiscalCode><noticeNumber>{number}</noticeNumber></qrCode>"""


# ---------------------------------------------------- the official schema


def test_all_answers_hold_the_official_schema(world: World, notice: dict) -> None:
    """Each kind of answer again, against pagoPA's own files (they are looked for beside the project)."""
    if not (SPECS / "soap-paForNode.xsd").is_file():
        pytest.skip("pagoPA's schema files are not here (PAGO_SPECS)")
    schema = etree.XMLSchema(etree.parse(SPECS / "soap-paForNode.xsd"))
    station, number = world.station, notice["number"]
    receipt = Receipt(SCHOOL, number)
    answers: list[tuple[str, Said]] = [
        ("paVerifyPaymentNoticeRes", station.verify(SCHOOL, number)),
        ("paGetPaymentRes", station.get_payment(SCHOOL, number, version="V1")),
        ("paGetPaymentV2Response", station.get_payment(SCHOOL, number)),
        ("paSendRTV2Response", station.deliver(receipt)),
        ("paSendRTV2Response", station.deliver(receipt)),
        ("paSendRTRes", station.deliver(receipt, "V1")),
        ("paVerifyPaymentNoticeRes", station.verify(SCHOOL, number)),
        ("paGetPaymentRes", station.get_payment(SCHOOL, number, version="V1")),
        ("paGetPaymentV2Response", station.get_payment(SCHOOL, number)),
        ("paVerifyPaymentNoticeRes", station.verify(STRANGER, number)),
        ("paDemandPaymentNoticeResponse", station.demand(SCHOOL)),
        ("paVerifyPaymentNoticeRes", station.post(envelope("paVerifyPaymentNoticeReq", "<idPA>&lt;x&gt;</idPA>"))),
    ]
    for root, said in answers:
        # The envelope's schema is lax about what it holds: the root must be looked at as well.
        assert etree.QName(said.payload) == f"{{{PA}}}{root}"
        document = etree.fromstring(said.body)
        assert schema.validate(document), f"{schema.error_log}\n{said.body.decode()}"
        assert said.headers["content-type"].lower() == "text/xml; charset=utf-8"


def test_the_clerk_sees_the_receipt(world: World, notice: dict) -> None:
    receipt = world.station.pay(SCHOOL, notice["number"])
    listed = fine(world.clerk().client.get("/school/notices", state="paid"))["notices"]
    assert notice["number"] in [item["number"] for item in listed]
    assert receipt.id in str(world.clerk().notice(notice["number"]))
