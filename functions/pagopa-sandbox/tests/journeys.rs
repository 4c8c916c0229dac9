//! Payments from the cart to the receipt, on a real table and queue, against a station of the test.

mod world;

use serde_json::{Value, json};
use world::{Loss, SCHOOL, World};

const FIRST: &str = "312260000000004289";
const SECOND: &str = "312260000000004390";

fn cart(notices: &[(&str, u64)]) -> Value {
    let url = |end: &str| format!("http://pagoinrete.test.localhost/cart/attempts/abc/{end}");
    let notices: Vec<_> = notices
        .iter()
        .map(|(number, cents)| {
            json!({ "noticeNumber": number, "fiscalCode": SCHOOL, "amount": cents,
                "companyName": "Istituto <b>Prova</b>", "description": "Uscita \"didattica\" & altro" })
        })
        .collect();
    json!({
        "emailNotice": "genitore@example.org", "idCart": "attempt-abc", "paymentNotices": notices,
        "returnUrls": { "returnOkUrl": url("ok"), "returnCancelUrl": url("cancel"), "returnErrorUrl": url("error"), "returnWaitingUrl": url("wait") },
    })
}

impl World {
    fn due(&self, notices: &[(&str, u64)]) {
        let due = notices.iter().map(|(number, cents)| ((*number).to_owned(), *cents));
        self.station.lock().unwrap().due = due.collect();
    }

    /// Makes a cart: its path.
    async fn cart(&self, notices: &[(&str, u64)]) -> String {
        let page = self.http("POST", "/checkout/ec/v2/carts", &[], &cart(notices).to_string()).await;
        assert_eq!(page.status, 302, "{}", page.body);
        page.headers["location"].as_str().unwrap().strip_prefix("http://sandbox.test.localhost").unwrap().to_owned()
    }

    async fn cart_problem(&self, cart: &Value) -> (u64, Value) {
        self.json("/checkout/ec/v2/carts", cart.clone()).await
    }

    /// Posts a form of the page at `shown`, with its token, and says where the browser goes.
    async fn submit(&self, shown: &str, to: &str, fields: &str) -> String {
        let page = self.get(shown).await;
        assert_eq!(page.status, 200, "{shown}: {}", page.body);
        let answer = self.form(to, &format!("token={}&{fields}", token(&page.body))).await;
        assert_eq!(answer.status, 303, "{to}: {}", answer.body);
        answer.headers["location"].as_str().unwrap().to_owned()
    }

    /// Walks to the end with this card; the path of the outcome.
    async fn pay_by_card(&self, path: &str, number: &str) -> String {
        let summary = self.to_summary(path, number).await;
        self.submit(&summary, &format!("{path}/confirm"), "psp=card-esempio").await
    }

    async fn to_summary(&self, path: &str, number: &str) -> String {
        let method = self.submit(path, path, "email=altro%40example.org").await;
        assert_eq!(method, format!("{path}/method"));
        let card = self.submit(&method, &method, "method=card").await;
        assert_eq!(card, format!("{path}/card"));
        let psp =
            self.submit(&card, &card, &format!("holder=Mario+Rossi&number={number}&expiry=12%2F40&cvv=123")).await;
        assert_eq!(psp, format!("{path}/psp"));
        let summary = self.submit(&psp, &psp, "psp=card-esempio").await;
        assert_eq!(summary, format!("{path}/summary"));
        summary
    }

    /// A form, again and again until it is not our fault that it fails: the answer, and how often it was sent.
    async fn insist(&self, path: &str, form: &str) -> (world::Page, usize) {
        for sent in 1..4 {
            let page = self.form(path, form).await;
            if page.status < 500 {
                return (page, sent);
            }
        }
        panic!("{path} never answers");
    }

    /// The queue's work, until nothing is left of it.
    async fn settle(&self) {
        let bodies = self.queued().await;
        for receives in 1..=6 {
            let mut rest = 0;
            for (at, body) in bodies.iter().enumerate() {
                rest += usize::from(!self.deliver_one(&format!("message {at}"), body, receives).await);
            }
            if rest == 0 {
                return;
            }
        }
        panic!("the queue is never done");
    }
}

fn token(html: &str) -> String {
    html.split("name=\"token\" value=\"").nth(1).expect("a form").split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_cart_is_paid_and_each_notice_gets_its_receipt_once() {
    let Some(world) = World::new("paid").await else { return };
    world.due(&[(FIRST, 2250), (SECOND, 1000)]);
    let path = world.cart(&[(FIRST, 2250), (SECOND, 1000)]).await;

    let start = world.get(&path).await;
    assert!(start.body.contains("32,50 €") && start.body.contains("genitore@example.org"));
    assert!(
        start.body.contains("Istituto &#60;b&#62;Prova") || start.body.contains("Istituto &lt;b&gt;Prova"),
        "{}",
        start.body
    );
    let policy = start.headers["content-security-policy"].as_str().unwrap();
    assert!(policy.contains("form-action 'self' http://pagoinrete.test.localhost;"), "{policy}");

    let outcome = world.pay_by_card(&path, "4242424242424242").await;
    let page = world.get(&outcome).await;
    assert!(page.body.contains("preso in carico") && page.body.contains("/cart/attempts/abc/ok\""), "{}", page.body);

    let messages = world.queued().await;
    assert_eq!(messages.len(), 2, "a message a receipt");
    assert!(world.receipts().await.iter().all(|receipt| receipt["state"] == "PENDING"));
    world.station.lock().unwrap().broken = 1;
    assert_eq!(world.deliver(&messages[..1]).await, ["0"], "HTTP 500: it comes again");
    assert_eq!(world.receipts().await.iter().filter(|receipt| receipt["state"] == "NOTIFIED").count(), 0);
    assert_eq!(world.deliver(&messages).await, Vec::<String>::new());
    assert_eq!(world.deliver(&messages).await, Vec::<String>::new(), "once notified it is never sent again");
    {
        let station = world.station.lock().unwrap();
        let mut paid: Vec<_> = station
            .receipts
            .iter()
            .map(|sent| (sent.receipt.notice_number.to_string(), sent.receipt.payment_amount.unwrap().cents()))
            .collect();
        paid.sort();
        assert_eq!(paid, [(FIRST.to_owned(), 2250), (SECOND.to_owned(), 1000)]);
        for sent in &station.receipts {
            assert_eq!(sent.oddities, []);
            assert_eq!(sent.receipt.payment_note.as_deref(), Some("attempt-abc"));
            assert_eq!(sent.receipt.fee.unwrap().cents(), 50, "one fee for the whole cart");
            assert_eq!(sent.receipt.receipt_id.0.len(), 32);
        }
    }
    let log = world.receipts().await;
    assert!(log.iter().all(|receipt| receipt["state"] == "NOTIFIED"), "{log:?}");
    assert!(!json!(log).to_string().contains("Mario"), "the log shows nobody");

    // The Node's guard: the notice is paid.
    let (status, problem) = world.cart_problem(&cart(&[(FIRST, 2250)])).await;
    assert_eq!((status, problem["title"].as_str()), (422, Some("Invalid payment info")));
    let (status, refused) =
        world.json("/sandbox/payments", json!({ "fiscal_code": SCHOOL, "notice_number": FIRST })).await;
    assert_eq!((status, refused["fault"]["code"].as_str()), (422, Some("PPT_PAGAMENTO_DUPLICATO")));
}

#[tokio::test]
async fn confirming_twice_pays_once() {
    let Some(world) = World::new("twice").await else { return };
    world.due(&[(FIRST, 2250)]);
    let path = world.cart(&[(FIRST, 2250)]).await;
    world.submit(&path, &path, "email=a%40example.org").await;
    world.submit(&format!("{path}/method"), &format!("{path}/method"), "method=account").await;
    world.submit(&format!("{path}/psp"), &format!("{path}/psp"), "psp=account-prova").await;
    let summary = world.get(&format!("{path}/summary")).await;
    let form = format!("token={}&psp=account-prova", token(&summary.body));
    let confirm = format!("{path}/confirm");
    let (first, second) = tokio::join!(world.form(&confirm, &form), world.form(&confirm, &form));
    assert_eq!((first.status, second.status), (303, 303));
    let third = world.form(&confirm, &form).await;
    assert_eq!(third.headers["location"], format!("{path}/outcome"));
    world.settle().await;
    assert_eq!((world.receipts().await.len(), world.station.lock().unwrap().receipts.len()), (1, 1));
}

/// Each call of AWS that a confirmation makes, lost in each way: whoever confirms again hears the truth, and paid once.
#[tokio::test]
async fn a_lost_answer_loses_no_payment() {
    for operation in ["PutItem", "UpdateItem", "SendMessage", "TransactWriteItems"] {
        for (arrives, tries) in [(true, 1), (true, 2), (false, 1), (false, 2)] {
            let name = format!("lost-{operation}-{arrives}-{tries}");
            let Some(world) = World::new(&name).await else { return };
            world.due(&[(FIRST, 2250)]);
            let path = world.cart(&[(FIRST, 2250)]).await;
            let summary = world.get(&world.to_summary(&path, "4242424242424242").await).await;
            let form = format!("token={}&psp=card-esempio", token(&summary.body));
            *world.loss.lock().unwrap() = Some(Loss { operation, arrives, tries });
            let (confirmed, sent) = world.insist(&format!("{path}/confirm"), &form).await;
            assert!(world.loss.lock().unwrap().is_none(), "{name}");
            assert_eq!((confirmed.status, sent), (303, tries), "{name}: the SDK tries twice");
            let outcome = world.get(&format!("{path}/outcome")).await;
            assert!(outcome.body.contains("preso in carico"), "{name}: {}", outcome.body);
            world.settle().await;
            let log = world.receipts().await;
            assert_eq!((log.len(), log[0]["state"].as_str()), (1, Some("NOTIFIED")), "{name}: {log:?}");
            let station = world.station.lock().unwrap();
            assert_eq!((station.receipts.len(), station.stored.len()), (1, 1), "{name}");
        }
    }
}

#[tokio::test]
async fn a_lost_answer_leaves_a_counter_as_it_was() {
    for (arrives, tries) in [(true, 1), (true, 2), (false, 1), (false, 2)] {
        for operation in ["UpdateItem", "SendMessage", "TransactWriteItems"] {
            let name = format!("counter-{operation}-{arrives}-{tries}");
            let Some(world) = World::new(&name).await else { return };
            world.due(&[(FIRST, 2250)]);
            let body = json!({ "fiscal_code": SCHOOL, "notice_number": FIRST }).to_string();
            let pay = || world.http("POST", "/sandbox/payments", &[("idempotency-key", "one")], &body);
            *world.loss.lock().unwrap() = Some(Loss { operation, arrives, tries });
            let mut first = pay().await;
            assert_eq!(first.status, if tries == 2 { 500 } else { 201 }, "{name}");
            if first.status == 500 {
                first = pay().await;
            }
            let again = pay().await;
            assert_eq!((first.status, again.status), (201, 201), "{name}: {} {}", first.body, again.body);
            let id = |page: &world::Page| serde_json::from_str::<Value>(&page.body).unwrap()["receipt_id"].clone();
            assert_eq!(id(&first), id(&again), "{name}");
            let other = world.json("/sandbox/payments", serde_json::from_str(&body).unwrap()).await;
            assert_eq!(other.1["fault"]["code"], "PPT_PAGAMENTO_DUPLICATO", "{name}: somebody else");
            world.settle().await;
            let log = world.receipts().await;
            assert_eq!((log.len(), log[0]["state"].as_str()), (1, Some("NOTIFIED")), "{name}: {log:?}");
        }
    }
}

#[tokio::test]
async fn a_counter_that_failed_may_try_again_at_once() {
    let Some(world) = World::new("at-once").await else { return };
    world.due(&[(FIRST, 2250)]);
    let how = json!({ "fiscal_code": SCHOOL, "notice_number": FIRST });
    *world.loss.lock().unwrap() = Some(Loss { operation: "TransactWriteItems", arrives: false, tries: 2 });
    assert_eq!(world.json("/sandbox/payments", how.clone()).await.0, 500);
    assert_eq!(world.json("/sandbox/payments", how).await.0, 201);
    world.settle().await;
    assert_eq!(world.receipts().await.len(), 1, "the first promise was not kept");
}

#[tokio::test]
async fn one_message_carries_a_receipt() {
    let Some(world) = World::new("carrier").await else { return };
    let promise = json!({ "receipt": "019a9f3c2d10aabbccddeeff00112233" }).to_string();
    assert!(!world.deliver_one("a", &promise, 1).await && !world.deliver_one("a", &promise, 5).await);
    assert!(world.deliver_one("a", &promise, 6).await, "a promise that nobody keeps ends");

    world.due(&[(FIRST, 2250)]);
    let how = json!({ "fiscal_code": SCHOOL, "notice_number": FIRST, "copies": 2 });
    assert_eq!(world.json("/sandbox/payments", how).await.0, 201);
    let messages = world.queued().await;
    assert_eq!((messages.len(), &messages[0]), (2, &messages[1]));
    world.station.lock().unwrap().broken = 3;
    assert!(!world.deliver_one("a", &messages[0], 1).await, "it comes again");
    assert!(world.deliver_one("b", &messages[1], 1).await, "it has delivered once, the other one goes on");
    assert!(!world.deliver_one("a", &messages[0], 2).await);
    assert!(world.deliver_one("a", &messages[0], 3).await);
    let log = world.receipts().await;
    assert_eq!((log[0]["state"].as_str(), log[0]["deliveries"].as_array().unwrap().len()), (Some("NOTIFIED"), 4));
}

#[tokio::test]
async fn a_refused_card_pays_nothing_and_frees_the_notice() {
    let Some(world) = World::new("refused").await else { return };
    world.due(&[(FIRST, 2250)]);
    let path = world.cart(&[(FIRST, 2250)]).await;
    let outcome = world.pay_by_card(&path, "4000000000000002").await;
    let page = world.get(&outcome).await;
    assert!(page.body.contains("non è riuscito") && page.body.contains("/cart/attempts/abc/error\""), "{}", page.body);
    assert!(world.queued().await.is_empty() && world.receipts().await.is_empty());
    // Free at once, and a late success sends the browser to wait.
    let path = world.cart(&[(FIRST, 2250)]).await;
    let page = world.get(&world.pay_by_card(&path, "4000000000000119").await).await;
    assert!(page.body.contains("/cart/attempts/abc/wait\""), "{}", page.body);
    assert_eq!(world.receipts().await.len(), 1);
}

#[tokio::test]
async fn activation_can_fail_with_a_way_back() {
    let Some(world) = World::new("activation").await else { return };
    world.due(&[(FIRST, 2250), (SECOND, 1000)]);
    let path = world.cart(&[(FIRST, 2250), (SECOND, 1000)]).await;
    world.due(&[(FIRST, 2250)]); // the school cancels one
    let page = world.get(&world.pay_by_card(&path, "4242424242424242").await).await;
    assert!(page.body.contains("PAA_PAGAMENTO_ANNULLATO") && page.body.contains("/error\""), "{}", page.body);
    let path = world.cart(&[(FIRST, 2250)]).await; // the other is free again
    world.due(&[(FIRST, 9999)]);
    let page = world.get(&world.pay_by_card(&path, "4242424242424242").await).await;
    assert!(page.body.contains("importo è cambiato"), "{}", page.body);
    assert!(world.receipts().await.is_empty());
}

#[tokio::test]
async fn the_node_refuses_a_second_payment_on_the_page() {
    let Some(world) = World::new("second").await else { return };
    world.due(&[(FIRST, 2250)]);
    let (first, second) = (world.cart(&[(FIRST, 2250)]).await, world.cart(&[(FIRST, 2250)]).await);
    world.pay_by_card(&first, "4242424242424242").await;
    let page = world.get(&world.pay_by_card(&second, "4242424242424242").await).await;
    assert!(page.body.contains("PPT_PAGAMENTO_DUPLICATO") && page.body.contains("già stato pagato"), "{}", page.body);
    assert_eq!(world.receipts().await.len(), 1);
}

#[tokio::test]
async fn carts_are_checked_as_checkout_checks_them() {
    let Some(world) = World::new("carts").await else { return };
    world.due(&[(FIRST, 2250)]);
    let (status, problem) = world.cart_problem(&cart(&[(FIRST, 2250), (FIRST, 2250)])).await;
    assert_eq!((status, problem["detail"].as_str()), (422, Some("Duplicate payment notice values found.")));
    let (status, problem) = world.cart_problem(&cart(&[(SECOND, 1000)])).await;
    assert_eq!(
        (status, problem["detail"].as_str()),
        (422, Some("Invalid payment notice data")),
        "the school does not know it"
    );
    assert_eq!(world.cart_problem(&cart(&[])).await.0, 400);
    assert_eq!(world.cart_problem(&json!({ "x": 1 })).await.0, 400);
    let mut without_waiting = cart(&[(FIRST, 2250)]);
    without_waiting["returnUrls"].as_object_mut().unwrap().remove("returnWaitingUrl");
    assert_eq!(world.cart_problem(&without_waiting).await.0, 400);
    let first_version = world.http("POST", "/checkout/ec/v1/carts", &[], &without_waiting.to_string()).await;
    assert_eq!(first_version.status, 302);
    assert_eq!(world.get("/checkout/ec/v2/carts").await.status, 405);
}

#[tokio::test]
async fn pages_guard_the_cart() {
    let Some(world) = World::new("guard").await else { return };
    world.due(&[(FIRST, 2250)]);
    let path = world.cart(&[(FIRST, 2250)]).await;
    let start = world.get(&path).await;
    let token = token(&start.body);
    assert_eq!(world.form(&path, "email=a%40example.org").await.status, 403, "no token");
    assert_eq!(world.form(&path, "token=0&email=a%40example.org").await.status, 403, "another token");
    let foreign = [("sec-fetch-site", "cross-site")];
    assert_eq!(world.http("POST", &path, &foreign, &format!("token={token}&email=a%40b.it")).await.status, 403);
    assert_eq!(world.form(&path, &format!("token={token}&email=no")).await.status, 422);
    for step in ["method", "card", "psp", "summary"] {
        let page = world.get(&format!("{path}/{step}")).await;
        assert_eq!(
            (page.status, page.headers["location"].as_str()),
            (303, Some(path.as_str())),
            "{step} cannot be skipped to"
        );
    }
    for absent in ["/pay/00000000000000000000000000000000", "/pay/x", "/pay/../x", "/nothing"] {
        assert_eq!(world.get(absent).await.status, 404, "{absent}");
    }
    world.submit(&path, &path, "email=a%40example.org").await;
    world.submit(&format!("{path}/method"), &format!("{path}/method"), "method=card").await;
    let wrong = world
        .form(&format!("{path}/card"), &format!("token={token}&holder=M4rio&number=4012888888881881&expiry=1&cvv=999"))
        .await;
    assert_eq!(wrong.status, 422);
    assert!(!wrong.body.contains("4012888888881881") && !wrong.body.contains("999\""), "card data are not shown again");
    let back = world.submit(&format!("{path}/cancel"), &format!("{path}/cancel"), "").await;
    assert_eq!(back, "http://pagoinrete.test.localhost/cart/attempts/abc/cancel");
    assert_eq!(
        world.form(&format!("{path}/method"), &format!("token={token}&method=card")).await.headers["location"],
        format!("{path}/outcome")
    );
}

#[tokio::test]
async fn twenty_copies_at_once_are_one_payment() {
    let Some(world) = World::new("copies").await else { return };
    world.due(&[(FIRST, 2250)]);
    let how = json!({ "fiscal_code": SCHOOL, "notice_number": FIRST, "deliver_now": true, "copies": 20 });
    let (status, paid) = world.json("/sandbox/payments", how).await;
    assert_eq!(status, 201, "{paid}");
    let answers: Vec<_> =
        paid["deliveries"].as_array().unwrap().iter().map(|delivery| delivery["answer"].as_str().unwrap()).collect();
    assert_eq!((answers.len(), answers.iter().filter(|answer| **answer == "ok").count()), (20, 1));
    let id = paid["receipt_id"].as_str().unwrap();
    let (status, repeated) =
        world.json(&format!("/sandbox/receipts/{id}/repeat"), json!({ "version": 1, "copies": 3 })).await;
    assert_eq!(status, 200);
    assert!(
        repeated["deliveries"].as_array().unwrap().iter().all(|d| d["fault"] == "PAA_RECEIPT_DUPLICATA"),
        "{repeated}"
    );
    let (_, other) = world.json(&format!("/sandbox/receipts/{id}/repeat"), json!({ "amount_cents": 1 })).await;
    assert_eq!(other["deliveries"][0]["answer"], "ko");
    let one = world.get(&format!("/sandbox/receipts/{id}")).await;
    let one: Value = serde_json::from_str(&one.body).unwrap();
    assert_eq!((one["state"].as_str(), one["deliveries"].as_array().unwrap().len()), (Some("NOTIFIED"), 24));
    let station = world.station.lock().unwrap();
    let money: std::collections::HashSet<_> =
        station.receipts.iter().map(pagopa::station::SendRt::money_fingerprint).collect();
    assert_eq!((station.receipts.len(), money.len()), (24, 2));
}

#[tokio::test]
async fn what_can_go_wrong_at_a_counter() {
    let Some(world) = World::new("counter").await else { return };
    world.due(&[(FIRST, 2250), (SECOND, 1000)]);
    let pay = async |change: Value| {
        let mut how = json!({ "fiscal_code": SCHOOL, "notice_number": FIRST });
        change.as_object().unwrap().iter().for_each(|(name, value)| how[name] = value.clone());
        world.json("/sandbox/payments", how).await
    };
    assert_eq!(pay(json!({ "outcome": "KO" })).await.1["receipt_id"], Value::Null);
    assert_eq!(
        pay(json!({ "notice_number": "312260000000000000" })).await.1["fault"]["original_code"],
        "PAA_PAGAMENTO_SCONOSCIUTO"
    );
    assert_eq!(pay(json!({ "typo": 1 })).await.0, 400);
    assert_eq!(pay(json!({ "verify": false, "activate": false })).await.0, 400, "no amount is known");
    let (status, lost) = pay(json!({ "lose": true })).await;
    assert_eq!((status, lost["receipt"].as_str()), (201, Some("lost")));
    assert!(world.queued().await.is_empty());
    let (_, second) = pay(json!({ "again": true, "amount_cents": 2000, "deliver_now": true })).await;
    assert_eq!((second["receipt"].as_str(), second["amount_cents"].as_u64()), (Some("delivered"), Some(2000)));
    assert_ne!(second["receipt_id"], lost["receipt_id"]);
    let unasked = json!({ "notice_number": SECOND, "verify": false, "activate": false, "stand_in": true, "amount_cents": 900, "deliver_now": true });
    assert_eq!(pay(unasked).await.0, 201);
    let old = json!({ "notice_number": "301000000000000144", "verify": false, "activate": false, "amount_cents": 500, "version": 1, "deliver_now": true });
    assert_eq!(pay(old).await.1["receipt"], "delivered");
    let station = world.station.lock().unwrap();
    assert_eq!(station.receipts.iter().filter(|sent| sent.receipt.stand_in == Some(true)).count(), 1);
    assert!(station.receipts.iter().all(|sent| sent.oddities.is_empty()), "{:?}", station.receipts);
}

#[tokio::test]
async fn the_front_page_speaks_two_languages() {
    let Some(world) = World::new("about").await else { return };
    let italian = world.get("/").await;
    assert!(italian.body.contains("lang=\"it\"") && italian.body.contains("nessun addebito reale"));
    let english = world.http("GET", "/", &[("cookie", "lang=en")], "").await;
    assert!(english.body.contains("nothing is really charged"));
    assert_eq!(world.get("/lang/en?back=//evil.example").await.headers["location"], "/");
    let style = world.get("/sandbox.css").await;
    assert_eq!((style.status, style.headers["content-type"].as_str()), (200, Some("text/css; charset=utf-8")));
}
