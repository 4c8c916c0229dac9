"""The Node's side of the station: envelopes of our own, and what the station answers."""

import secrets
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from lxml import etree

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
PA = "http://pagopa-api.pagopa.gov.it/pa/paForNode.xsd"
BROKER = "99999000013"
STATION = "99999000013_01"


@dataclass
class Said:
    """What the station said."""

    status: int
    body: bytes
    headers: Any

    @property
    def payload(self) -> etree._Element:
        return etree.fromstring(self.body).find(f"{{{SOAP}}}Body")[0]  # type: ignore[index]

    @property
    def operation(self) -> str:
        name = etree.QName(self.payload)
        assert name.namespace == PA, name
        return name.localname

    def text(self, path: str) -> str | None:
        return self.payload.findtext(path)

    @property
    def verdict(self) -> str:
        """`OK`, or the fault's code."""
        assert self.status == 200, f"{self.status}: {self.body.decode()[:400]}"
        return self.text("fault/faultCode") or self.text("outcome") or ""

    @property
    def soap_fault(self) -> str | None:
        payload = self.payload
        return payload.findtext("faultcode") if etree.QName(payload) == f"{{{SOAP}}}Fault" else None


@dataclass(frozen=True)
class Receipt:
    """A receipt as the Node would deliver it; `replace(receipt, …)` for another."""

    school: str
    number: str
    amount: str = "22.00"
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    creditor: str | None = None
    outcome: str = "OK"
    iban: str = "IT60X0542811101000000123456"
    transfer_amount: str | None = None
    broker: str = BROKER
    station: str = STATION
    psp: str = "Banca Esempio S.p.A."
    extra: str = ""
    fee: str = "1.50"

    def but(self, **changes: Any) -> "Receipt":
        return replace(self, **changes)

    def xml(self, version: str = "V2") -> bytes:
        second = version == "V2"
        now = datetime.now().replace(microsecond=0)
        company = "<companyName>Istituto Comprensivo</companyName>" if second else ""
        tail = f"<paymentMethod>creditCard</paymentMethod>{'<paymentNote>prova</paymentNote>' if second else ''}<fee>{self.fee}</fee>"
        body = f"""<receipt><receiptId>{self.id}</receiptId><noticeNumber>{self.number}</noticeNumber>
<fiscalCode>{self.creditor or self.school}</fiscalCode><outcome>{self.outcome}</outcome>
<creditorReferenceId>{self.number[1:]}</creditorReferenceId><paymentAmount>{self.amount}</paymentAmount>
<description>Contributo</description><companyName>Istituto Comprensivo</companyName>
<debtor><uniqueIdentifier><entityUniqueIdentifierType>F</entityUniqueIdentifierType><entityUniqueIdentifierValue>ANONIMO</entityUniqueIdentifierValue></uniqueIdentifier><fullName>Alunno di prova</fullName></debtor>
<transferList><transfer><idTransfer>1</idTransfer><transferAmount>{self.transfer_amount or self.amount}</transferAmount><fiscalCodePA>{self.creditor or self.school}</fiscalCodePA>
{company}<IBAN>{self.iban}</IBAN><remittanceInformation>Contributo</remittanceInformation><transferCategory>9/0601125AP/</transferCategory></transfer></transferList>
<idPSP>BCITITMM</idPSP><pspFiscalCode>98765430586</pspFiscalCode><PSPCompanyName>{self.psp}</PSPCompanyName>
<idChannel>98765430586_01</idChannel><channelDescription>app</channelDescription>{tail}
<paymentDateTime>{now.isoformat()}</paymentDateTime><applicationDate>{date.today()}</applicationDate><transferDate>{date.today()}</transferDate>{self.extra}</receipt>"""
        root = "paSendRTV2Request" if second else "paSendRTReq"
        caller = f"<idPA>{self.school}</idPA><idBrokerPA>{self.broker}</idBrokerPA><idStation>{self.station}</idStation>"
        return envelope(root, caller + body)


def envelope(root: str, content: str) -> bytes:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="{SOAP}" xmlns:pafn="{PA}"><soapenv:Header/><soapenv:Body><pafn:{root}>{content}</pafn:{root}></soapenv:Body></soapenv:Envelope>""".encode()


class Station:
    def __init__(self, stack: Any):
        self.stack = stack
        self.secret = stack.client("secretsmanager").get_secret_value(SecretId=f"{stack.name}/station-secret")["SecretString"]
        #: All that was said, for the check against the official schema.
        self.said: list[Said] = []

    def post(self, body: bytes, *, secret: str | None = None, method: str = "POST", action: str = "", kind: str = "text/xml; charset=utf-8") -> Said:
        headers = {"Content-Type": kind, "SOAPAction": action}
        if secret != "":
            headers["X-Station-Secret"] = secret or self.secret
        answer = self.stack.request(method, self.stack.station_url, headers=headers, body=body)
        said = Said(answer.status, answer.body, answer.headers)
        self.said.append(said)
        return said

    def verify(self, school: str, number: str, *, broker: str = BROKER, station: str = STATION, qr_school: str | None = None) -> Said:
        return self.post(envelope("paVerifyPaymentNoticeReq", _ids(school, number, broker, station, qr_school)), action="paVerifyPaymentNotice")

    def get_payment(self, school: str, number: str, *, version: str = "V2", amount: str = "22.00", broker: str = BROKER, station: str = STATION) -> Said:
        root = "paGetPaymentV2Request" if version == "V2" else "paGetPaymentReq"
        return self.post(envelope(root, _ids(school, number, broker, station, None) + f"<amount>{amount}</amount>"), action=root.removesuffix("Request"))

    def demand(self, school: str) -> Said:
        content = f"<idPA>{school}</idPA><idBrokerPA>{BROKER}</idBrokerPA><idStation>{STATION}</idStation><idServizio>00042</idServizio><idSoggettoServizio>00007</idSoggettoServizio><datiSpecificiServizioRequest>PHNlcnZpY2UvPg==</datiSpecificiServizioRequest>"
        return self.post(envelope("paDemandPaymentNoticeRequest", content), action="paDemandPaymentNotice")

    def deliver(self, receipt: Receipt, version: str = "V2") -> Said:
        return self.post(receipt.xml(version), action=f"paSendRT{version if version == 'V2' else ''}")

    def pay(self, school: str, number: str, amount: str = "22.00") -> Receipt:
        """What the Node does when somebody has paid at a counter: verify, activate, deliver."""
        assert self.verify(school, number).verdict == "OK"
        assert self.get_payment(school, number, amount=amount).text("data/paymentAmount") == amount
        receipt = Receipt(school, number, amount)
        assert self.deliver(receipt).verdict == "OK"
        return receipt


def _ids(school: str, number: str, broker: str, station: str, qr_school: str | None) -> str:
    return f"""<idPA>{school}</idPA><idBrokerPA>{broker}</idBrokerPA><idStation>{station}</idStation>
<qrCode><fiscalCode>{qr_school or school}</fiscalCode><noticeNumber>{number}</noticeNumber></qrCode>"""
