use pagopa::node::{BadAnswer, RemoteFault};
use serde::{Deserialize, Serialize};

/// Why the Node refuses, under the code that the payer's side would see (pagoPA reference 1.3, 4.7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NodeFault {
    pub(crate) code: String,
    /// The creditor's own code, when the refusal is the creditor's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) original_code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
}

impl NodeFault {
    fn new(code: &str, description: Option<String>) -> Self {
        Self { code: code.to_owned(), original_code: None, description }
    }

    /// A token of this notice lives.
    pub(crate) fn in_progress() -> Self {
        Self::new("PPT_PAGAMENTO_IN_CORSO", None)
    }

    /// The notice was paid through the Node.
    pub(crate) fn paid() -> Self {
        Self::new("PPT_PAGAMENTO_DUPLICATO", None)
    }

    /// The creditor's well-formed refusal.
    pub(crate) fn refused(fault: RemoteFault) -> Self {
        let description = fault.description.or(Some(fault.text));
        Self { code: "PPT_ERRORE_EMESSO_DA_PAA".to_owned(), original_code: Some(fault.code), description }
    }

    pub(crate) fn invalid(why: &BadAnswer) -> Self {
        Self::new("PPT_STAZIONE_INT_PA_ERRORE_RESPONSE", Some(why.to_string()))
    }

    pub(crate) fn http_status(status: u16) -> Self {
        Self::new("PPT_STAZIONE_INT_PA_ERRORE_RESPONSE", Some(format!("HTTP {status}")))
    }

    pub(crate) fn timeout() -> Self {
        Self::new("PPT_STAZIONE_INT_PA_TIMEOUT", None)
    }

    pub(crate) fn unreachable() -> Self {
        Self::new("PPT_STAZIONE_INT_PA_IRRAGGIUNGIBILE", None)
    }

    /// The station gave no usable answer: for Checkout's carts API that is a bad gateway, not a refusal.
    pub(crate) fn is_technical(&self) -> bool {
        self.code.starts_with("PPT_STAZIONE_INT_PA_")
    }
}
