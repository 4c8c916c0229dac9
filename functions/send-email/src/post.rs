use std::time::Duration;

use aws_sdk_sesv2::{
    Client,
    config::{Builder, retry::RetryConfig, timeout::TimeoutConfig},
    error::{DisplayErrorContext, SdkError},
    types::{Body, Content, Destination, EmailContent, Message, MessageHeader},
};
use runtime::{App, BoxError, Mutant, mutated, needed};

use crate::Letter;

/// The mail service: tries once, and waits as long as a claim's lease allows.
pub struct Post {
    client: Client,
    from: String,
    configuration_set: Option<String>,
}

/// How a mail was not sent.
#[derive(Debug)]
pub enum Refused {
    /// The service said no: nothing went out.
    Definitely(String),
    /// No answer, or an answer that says nothing: it may have gone out.
    Perhaps(String),
}

impl Post {
    pub fn new(app: &App) -> Result<Self, BoxError> {
        let once = Duration::from_millis(app.config.mail_timeout_milliseconds);
        let timeouts = TimeoutConfig::builder().operation_timeout(once).operation_attempt_timeout(once).build();
        let (retries, timeouts) = match mutated(Mutant::RetryMailInSdk) {
            true => (RetryConfig::standard(), TimeoutConfig::builder().operation_attempt_timeout(once).build()),
            false => (RetryConfig::disabled(), timeouts),
        };
        let config = Builder::from(&app.aws).retry_config(retries).timeout_config(timeouts).build();
        let address = needed("MAIL_FROM", Some(&app.config.mail_from).filter(|from| !from.is_empty()))?;
        let from = match app.config.mail_sender.as_str() {
            "" => address.to_owned(),
            name => format!("{} <{address}>", encoded(name)),
        };
        Ok(Self {
            client: Client::from_conf(config),
            from,
            configuration_set: app.config.mail_configuration_set.clone(),
        })
    }

    /// The provider's message id.
    pub async fn send(&self, key: &str, letter: &Letter) -> Result<String, Refused> {
        let broken = |error: aws_sdk_sesv2::error::BuildError| Refused::Definitely(error.to_string());
        let text = |data: &str| Content::builder().data(data).charset("UTF-8").build().map_err(broken);
        let header = |name: &str, value: &str| MessageHeader::builder().name(name).value(value).build().map_err(broken);
        let body = Body::builder().text(text(&letter.mail.text)?).html(text(&letter.mail.html)?).build();
        let message = Message::builder()
            .subject(text(&letter.mail.subject)?)
            .body(body)
            .headers(header("X-Message-Key", &key.replace(|c: char| !c.is_ascii_graphic(), "_"))?)
            .headers(header("Content-Language", letter.language.tag())?)
            .build();
        let sent = self
            .client
            .send_email()
            .from_email_address(&self.from)
            .destination(Destination::builder().to_addresses(letter.to.reveal().as_str()).build())
            .content(EmailContent::builder().simple(message).build())
            .set_configuration_set_name(self.configuration_set.clone())
            .send()
            .await;
        match sent {
            Ok(answer) => Ok(answer.message_id().unwrap_or_default().to_owned()),
            Err(error) => {
                let why = DisplayErrorContext(&error).to_string();
                let refused = match &error {
                    SdkError::ConstructionFailure(_) => true,
                    SdkError::ServiceError(context) => (400..500).contains(&context.raw().status().as_u16()),
                    _ => false,
                };
                // What the service says may quote the address.
                let why = why.replace(letter.to.reveal().as_str(), "(address)");
                Err(if refused { Refused::Definitely(why) } else { Refused::Perhaps(why) })
            }
        }
    }
}

/// A display name that cannot break the header: quoted, or left out where it would need more.
fn encoded(name: &str) -> String {
    let plain: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == ' ').collect();
    format!("\"{plain}\"")
}
