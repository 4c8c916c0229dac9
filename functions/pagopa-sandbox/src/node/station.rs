//! The Node as a client of the station: SOAP over HTTP, with the Node's own patience (pagoPA reference 4.9).

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use domain::Euro;
use pagopa::{
    Amount,
    node::{self, Answered},
    station::{Caller, GetPayment, Operation, Payment, QrCode, Request, TransferType, Verified, Verify, Version},
};
use reqwest::{
    Client,
    dns::{Addrs, Name, Resolve, Resolving},
    header::HeaderValue,
    redirect::Policy,
};

use super::{NodeFault, Position};
use crate::{
    BoxError,
    config::{Config, Waits},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest valid answer has tens of kilobytes.
const MAX_ANSWER_BYTES: usize = 1 << 20;

pub(crate) struct Station {
    http: Client,
    url: String,
    /// Stands in for the Node's client certificate where the station has no mutual TLS.
    secret: HeaderValue,
    broker: String,
    station_id: String,
    waits: Waits,
}

/// What the payer's side passes on at activation.
pub(crate) struct Activation<'a> {
    pub(crate) version: Version,
    pub(crate) amount: Option<Euro>,
    /// The cart's id.
    pub(crate) note: Option<&'a str>,
    pub(crate) transfer_type: Option<TransferType>,
}

/// An answer over HTTP, whatever it says.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Station {
    pub(crate) fn new(config: &Config, secret: &str) -> Result<Self, BoxError> {
        let mut secret = HeaderValue::from_str(secret)?;
        secret.set_sensitive(true);
        let http = Client::builder()
            .dns_resolver(Arc::new(LocalNames))
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIMEOUT.min(config.waits.node))
            .pool_idle_timeout(Duration::from_secs(20))
            .build()?;
        Ok(Self {
            http,
            url: config.station_url.clone(),
            secret,
            broker: config.broker.clone(),
            station_id: config.station_id.clone(),
            waits: config.waits,
        })
    }

    /// Which station the Node routes a creditor's notices to: ours knows one.
    pub(crate) fn caller(&self, creditor: &str) -> Caller {
        Caller { id_pa: creditor.to_owned(), id_broker_pa: self.broker.clone(), id_station: self.station_id.clone() }
    }

    /// `paVerifyPaymentNotice`.
    pub(crate) async fn verify(&self, position: &Position) -> Result<Verified, NodeFault> {
        let verify = Verify { caller: self.caller(&position.creditor), qr_code: qr_code(position) };
        self.ask(&Request::Verify(verify), node::read_verified).await
    }

    /// `paGetPayment` or `paGetPaymentV2`.
    pub(crate) async fn payment(&self, position: &Position, how: &Activation<'_>) -> Result<Payment, NodeFault> {
        let get = GetPayment {
            version: how.version,
            caller: self.caller(&position.creditor),
            qr_code: qr_code(position),
            amount: how.amount.map(Amount::from),
            payment_note: how.note.map(str::to_owned),
            transfer_type: how.transfer_type,
            due_date: None,
        };
        self.ask(&Request::GetPayment(get), |body| node::read_payment(how.version, body)).await
    }

    async fn ask<T>(&self, request: &Request, read: impl FnOnce(&[u8]) -> Answered<T>) -> Result<T, NodeFault> {
        let answer = self.post(request.operation(), request.to_xml(), self.waits.node).await?;
        if answer.status != 200 {
            return Err(NodeFault::http_status(answer.status));
        }
        read(&answer.body).map_err(|why| NodeFault::invalid(&why))?.map_err(NodeFault::refused)
    }

    /// `paSendRT` or `paSendRTV2`, with the bytes that were stored for it.
    pub(super) async fn send_receipt(&self, version: Version, xml: String) -> Result<Answer, NodeFault> {
        self.post(Operation::SendRt(version), xml, self.waits.receipt).await
    }

    async fn post(&self, operation: Operation, xml: String, timeout: Duration) -> Result<Answer, NodeFault> {
        let request = self
            .http
            .post(&self.url)
            .timeout(timeout)
            .header("content-type", "text/xml; charset=utf-8")
            .header("soapaction", operation.name())
            .header("x-station-secret", self.secret.clone())
            .body(xml);
        let failed = |error: &reqwest::Error| match error.is_timeout() {
            true => NodeFault::timeout(),
            false => NodeFault::unreachable(),
        };
        let mut response = request.send().await.map_err(|error| failed(&error))?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_ANSWER_BYTES {
                break; // cut: then it is no valid answer
            }
        }
        Ok(Answer { status, body })
    }
}

fn qr_code(position: &Position) -> QrCode {
    QrCode { fiscal_code: position.creditor.clone(), notice_number: position.number.clone() }
}

/// Names that end in `.localhost` are this machine (RFC 6761), whatever the system's resolver thinks of them.
struct LocalNames;

impl Resolve for LocalNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = name.as_str().trim_end_matches('.').to_ascii_lowercase();
            if is_local(&host) {
                let loopback = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))];
                return Ok(Box::new(loopback.into_iter()) as Addrs);
            }
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

fn is_local(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_names_end_in_localhost() {
        assert!(is_local("localhost") && is_local("station.pagoinrete.localhost"));
        assert!(!is_local("notlocalhost") && !is_local("localhost.example.org"));
    }
}
