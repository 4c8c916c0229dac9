//! A sandbox on a real emulator, and a station of one school that the test can steer.

use std::{
    collections::{HashMap, HashSet},
    env,
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use pagopa::station::{
    Answer, Destination, Fault, FaultCode, Payment, PaymentTransfer, Refused, Request, Subject, Verified, read,
    soap_fault,
};
use pagopa_sandbox::{App, Config, Waits, handle};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

pub const SCHOOL: &str = "80124890155";
pub const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// How the station answers.
#[derive(Debug, Default)]
pub struct Behaviour {
    /// Cents due by notice number; another number is unknown.
    pub due: HashMap<String, u64>,
    /// Receipts are answered with HTTP 500 so many times.
    pub broken: usize,
    /// Receipts that came, and what was asked before.
    pub receipts: Vec<pagopa::station::SendRt>,
    pub stored: HashSet<String>,
    pub asked: Vec<String>,
}

/// What befalls calls of AWS: which operation, whether it gets there, how many tries get no answer.
#[derive(Debug, Clone, Copy)]
pub struct Loss {
    pub operation: &'static str,
    pub arrives: bool,
    pub tries: usize,
}

pub struct World {
    pub app: Arc<App>,
    /// The next loss, once.
    pub loss: Arc<Mutex<Option<Loss>>>,
    pub station: Arc<Mutex<Behaviour>>,
    sqs: aws_sdk_sqs::Client,
    queue: String,
}

/// An HTTP answer of the sandbox.
#[derive(Debug)]
pub struct Page {
    pub status: u64,
    pub headers: Value,
    pub body: String,
}

impl World {
    /// `None`, after saying so, where no emulator is told of.
    pub async fn new(test: &str) -> Option<Self> {
        if env::var_os("AWS_ENDPOINT_URL").is_none() {
            use std::io::Write;
            let _ = writeln!(std::io::stderr(), "skipped: {test}: no emulator (set AWS_ENDPOINT_URL)");
            return None;
        }
        let aws = aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await;
        let name = format!("sandbox-{test}-{}", SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros());
        let dynamo = aws_sdk_dynamodb::Client::new(&aws);
        let attribute = |name: &str| {
            AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build().unwrap()
        };
        let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
        let table = dynamo.create_table().table_name(&name).billing_mode(BillingMode::PayPerRequest);
        let table = table.attribute_definitions(attribute("PK")).attribute_definitions(attribute("SK"));
        table.key_schema(key("PK", KeyType::Hash)).key_schema(key("SK", KeyType::Range)).send().await.unwrap();
        let sqs = aws_sdk_sqs::Client::new(&aws);
        let queue = sqs.create_queue().queue_name(&name).send().await.unwrap().queue_url.unwrap();
        let secrets = aws_sdk_secretsmanager::Client::new(&aws);
        secrets.create_secret().name(&name).secret_string(SECRET).send().await.unwrap();

        let station = Arc::new(Mutex::new(Behaviour::default()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(serve(listener, station.clone()));
        let loss = Arc::new(Mutex::new(None));
        let wire = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://127.0.0.1:{}", wire.local_addr().unwrap().port());
        tokio::spawn(relay(wire, loss.clone()));
        let config = Config {
            table: name.clone(),
            origin: "http://sandbox.test.localhost".to_owned(),
            deliveries_queue_url: queue.clone(),
            broker: "99999000013".to_owned(),
            station_id: "99999000013_01".to_owned(),
            // A name that only our own resolver knows to be this machine.
            station_url: format!("http://station.test.localhost:{port}/pagopa/station"),
            station_secret: name,
            waits: Waits::default(),
        };
        let app = App::open(config, Some(&endpoint)).await.unwrap();
        Some(Self { app: Arc::new(app), loss, station, sqs, queue })
    }

    pub async fn get(&self, path: &str) -> Page {
        self.http("GET", path, &[], "").await
    }

    pub async fn form(&self, path: &str, body: &str) -> Page {
        self.http("POST", path, &[("content-type", "application/x-www-form-urlencoded")], body).await
    }

    pub async fn json(&self, path: &str, body: Value) -> (u64, Value) {
        let page = self.http("POST", path, &[("content-type", "application/json")], &body.to_string()).await;
        (page.status, serde_json::from_str(&page.body).unwrap_or(Value::Null))
    }

    pub async fn http(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Page {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let headers: HashMap<_, _> = headers.iter().copied().collect();
        let event = json!({
            "version": "2.0", "rawPath": path, "rawQueryString": query, "headers": headers, "body": body,
            "isBase64Encoded": false, "requestContext": { "http": { "method": method, "path": path } },
        });
        let answer = handle(self.app.clone(), event).await.unwrap();
        Page {
            status: answer["statusCode"].as_u64().unwrap(),
            headers: answer["headers"].clone(),
            body: answer["body"].as_str().unwrap().to_owned(),
        }
    }

    /// The bodies of what is on the queue.
    pub async fn queued(&self) -> Vec<String> {
        let received =
            self.sqs.receive_message().queue_url(&self.queue).max_number_of_messages(10).send().await.unwrap();
        let mut bodies = Vec::new();
        for message in received.messages.unwrap_or_default() {
            self.sqs
                .delete_message()
                .queue_url(&self.queue)
                .receipt_handle(message.receipt_handle.unwrap())
                .send()
                .await
                .unwrap();
            bodies.push(message.body.unwrap());
        }
        bodies
    }

    /// Runs the queue's side; the ids that failed.
    pub async fn deliver(&self, bodies: &[String]) -> Vec<String> {
        let records: Vec<_> = bodies
            .iter()
            .enumerate()
            .map(|(at, body)| json!({ "messageId": at.to_string(), "body": body, "eventSource": "aws:sqs" }))
            .collect();
        let answer = handle(self.app.clone(), json!({ "Records": records })).await.unwrap();
        let failures = answer["batchItemFailures"].as_array().unwrap();
        failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned()).collect()
    }

    /// A message with this id, received so many times: is it done with?
    pub async fn deliver_one(&self, id: &str, body: &str, receives: usize) -> bool {
        let attributes = json!({ "ApproximateReceiveCount": receives.to_string() });
        let record = json!({ "messageId": id, "body": body, "attributes": attributes });
        let answer = handle(self.app.clone(), json!({ "Records": [record] })).await.unwrap();
        answer["batchItemFailures"].as_array().unwrap().is_empty()
    }

    pub async fn receipts(&self) -> Vec<Value> {
        let page = self.get("/sandbox/receipts").await;
        serde_json::from_str::<Value>(&page.body).unwrap()["receipts"].as_array().unwrap().clone()
    }
}

/// Between the sandbox and AWS: everything goes through, but for what the loss says.
async fn relay(listener: TcpListener, loss: Arc<Mutex<Option<Loss>>>) {
    let aws = env::var("AWS_ENDPOINT_URL").unwrap();
    let aws = aws.trim_end_matches('/').strip_prefix("http://").unwrap().to_owned();
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(relay_connection(stream, aws.clone(), loss.clone()));
    }
}

async fn relay_connection(mut near: TcpStream, aws: String, loss: Arc<Mutex<Option<Loss>>>) {
    let mut far = TcpStream::connect(aws).await.unwrap();
    let (mut asked, mut answered) = (Vec::new(), Vec::new());
    while let Some(request) = next_message(&mut near, &mut asked).await {
        let arrives = befalls(&request, &loss);
        if arrives == Some(false) {
            return;
        }
        far.write_all(&request).await.unwrap();
        let answer = next_message(&mut far, &mut answered).await.unwrap();
        if arrives.is_some() || near.write_all(&answer).await.is_err() {
            return;
        }
    }
}

/// Does the loss befall this request, and does the request get there?
fn befalls(request: &[u8], loss: &Mutex<Option<Loss>>) -> Option<bool> {
    let mut loss = loss.lock().unwrap();
    let present = loss.as_mut()?;
    let head = String::from_utf8_lossy(&request[..request.len().min(4096)]).into_owned();
    if !head.lines().any(|line| line.starts_with("x-amz-target") && line.ends_with(&format!(".{}", present.operation)))
    {
        return None;
    }
    let arrives = std::mem::take(&mut present.arrives);
    present.tries -= 1;
    if present.tries == 0 {
        *loss = None;
    }
    Some(arrives)
}

/// The next HTTP message with a length, as it came.
async fn next_message(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        if let Some(end) = whole_request(bytes) {
            return Some(bytes.drain(..end).collect());
        }
        let mut chunk = [0; 8192];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}

async fn serve(listener: TcpListener, station: Arc<Mutex<Behaviour>>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(connection(stream, station.clone()));
    }
}

async fn connection(mut stream: TcpStream, station: Arc<Mutex<Behaviour>>) {
    let mut bytes = Vec::new();
    loop {
        let Some(request) = next_message(&mut stream, &mut bytes).await else { return };
        let head_end = request.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8_lossy(&request[..head_end]).to_lowercase();
        let (status, xml) = match head.contains(&format!("x-station-secret: {SECRET}")) {
            true => answer(&request[head_end..], &station),
            false => (403, soap_fault("Client", "unknown")),
        };
        let response =
            format!("HTTP/1.1 {status} X\r\ncontent-type: text/xml\r\ncontent-length: {}\r\n\r\n{xml}", xml.len());
        if stream.write_all(response.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn whole_request(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    let length: usize = text.split("content-length: ").nth(1)?.split("\r\n").next()?.parse().ok()?;
    (bytes.len() >= head + length).then_some(head + length)
}

fn answer(body: &[u8], station: &Mutex<Behaviour>) -> (u16, String) {
    let mut station = station.lock().unwrap();
    let request = match read(body) {
        Ok(request) => request,
        Err(Refused::Invalid(invalid)) => return (200, invalid.to_answer("99999000013").to_xml()),
        Err(Refused::Unreadable(why)) => return (why.http_status(), why.to_xml()),
    };
    let operation = request.operation();
    station.asked.push(operation.name().to_owned());
    let refuse = |code| (200, Answer::refused(operation, Fault::new(code, SCHOOL)).to_xml());
    match request {
        Request::Verify(asked) => match station.due.get(asked.qr_code.notice_number.as_str()) {
            Some(cents) => (200, Answer::Verified(verified(*cents)).to_xml()),
            None => refuse(FaultCode::PagamentoSconosciuto),
        },
        Request::GetPayment(asked) => match station.due.get(asked.qr_code.notice_number.as_str()) {
            Some(cents) => {
                (200, Answer::Payment(asked.version, Box::new(payment(*cents, &asked.qr_code.notice_number))).to_xml())
            }
            None => refuse(FaultCode::PagamentoAnnullato),
        },
        Request::SendRt(_) if station.broken > 0 => {
            station.broken -= 1;
            (500, soap_fault("Server", "busy"))
        }
        Request::SendRt(sent) => {
            let fresh = station.stored.insert(format!("{}{}", sent.id_pa, sent.receipt.receipt_id));
            station.receipts.push(*sent.clone());
            match fresh {
                true => (200, Answer::Accepted(sent.version).to_xml()),
                false => refuse(FaultCode::ReceiptDuplicata),
            }
        }
        Request::Demand(_) => refuse(FaultCode::Semantica),
    }
}

fn verified(cents: u64) -> Verified {
    Verified {
        amount: domain::Euro::from_cents(cents).unwrap(),
        due_date: None,
        detail_description: None,
        all_ccp: false,
        payment_description: "Uscita didattica".to_owned(),
        fiscal_code_pa: SCHOOL.to_owned(),
        company_name: "Istituto Comprensivo Prova".to_owned(),
        office_name: None,
    }
}

fn payment(cents: u64, number: &domain::NoticeNumber) -> Payment {
    let transfer = PaymentTransfer {
        amount: domain::Euro::from_cents(cents).unwrap(),
        fiscal_code_pa: SCHOOL.to_owned(),
        company_name: "Istituto Comprensivo Prova".to_owned(),
        destination: Destination::Iban("IT60X0542811101000000123456".to_owned()),
        remittance_information: "Uscita didattica".to_owned(),
        category: "9/0601150AP/".to_owned(),
        metadata: Vec::new(),
    };
    let debtor = Subject::person("RSSMRA80A01F205X", "Mario Rossi");
    Payment::single(&number.iuv(), jiff::civil::date(2026, 11, 30), "Uscita didattica", debtor, transfer)
}
