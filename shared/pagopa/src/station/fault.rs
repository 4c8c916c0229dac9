//! The faults of the creditor's domain, with their official texts. Source: pagoPA reference 4.7.

use crate::xml::Writer;

/// A `PAA_` code that answers one of the six operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultCode {
    /// The envelope could be read, the content breaks the rules.
    SintassiExtraXsd,
    /// Listed for demand only.
    SintassiXsd,
    /// `idBrokerPA` is not us.
    IdIntermediarioErrato,
    /// `idStation` is not ours.
    StazioneIntErrata,
    /// `idPA` is no school of ours, or not the one in the QR code.
    IdDominioErrato,
    /// The same `idPA` and `receiptId` are stored already. Final for the Node.
    ReceiptDuplicata,
    /// No such notice, or not published.
    PagamentoSconosciuto,
    /// Cancelled by the school.
    PagamentoAnnullato,
    /// Already paid.
    PagamentoDuplicato,
    /// Past due, and the school refuses late payments.
    PagamentoScaduto,
    /// Practically never: the Node knows better.
    PagamentoInCorso,
    /// Any other inconsistency.
    Semantica,
    /// Never to a receipt: a well-formed KO is final there, so answer HTTP 500.
    SystemError,
}

impl FaultCode {
    pub const ALL: [Self; 13] = [
        Self::SintassiExtraXsd,
        Self::SintassiXsd,
        Self::IdIntermediarioErrato,
        Self::StazioneIntErrata,
        Self::IdDominioErrato,
        Self::ReceiptDuplicata,
        Self::PagamentoSconosciuto,
        Self::PagamentoAnnullato,
        Self::PagamentoDuplicato,
        Self::PagamentoScaduto,
        Self::PagamentoInCorso,
        Self::Semantica,
        Self::SystemError,
    ];

    pub fn code(self) -> &'static str {
        match self {
            Self::SintassiExtraXsd => "PAA_SINTASSI_EXTRAXSD",
            Self::SintassiXsd => "PAA_SINTASSI_XSD",
            Self::IdIntermediarioErrato => "PAA_ID_INTERMEDIARIO_ERRATO",
            Self::StazioneIntErrata => "PAA_STAZIONE_INT_ERRATA",
            Self::IdDominioErrato => "PAA_ID_DOMINIO_ERRATO",
            Self::ReceiptDuplicata => "PAA_RECEIPT_DUPLICATA",
            Self::PagamentoSconosciuto => "PAA_PAGAMENTO_SCONOSCIUTO",
            Self::PagamentoAnnullato => "PAA_PAGAMENTO_ANNULLATO",
            Self::PagamentoDuplicato => "PAA_PAGAMENTO_DUPLICATO",
            Self::PagamentoScaduto => "PAA_PAGAMENTO_SCADUTO",
            Self::PagamentoInCorso => "PAA_PAGAMENTO_IN_CORSO",
            Self::Semantica => "PAA_SEMANTICA",
            Self::SystemError => "PAA_SYSTEM_ERROR",
        }
    }

    /// Verbatim from the guide to errors; `PAA_RECEIPT_DUPLICATA` has no official text (reference 15).
    pub fn fault_string(self) -> &'static str {
        match self {
            Self::SintassiExtraXsd => "Errore di sintassi extra XSD",
            Self::SintassiXsd => "Errore di sintassi XSD",
            Self::IdIntermediarioErrato => "Identificativo intermediario non corrispondente",
            Self::StazioneIntErrata => "Stazione intermediario non corrispondente",
            Self::IdDominioErrato => "La PAA non corrisponde al Dominio indicato",
            Self::ReceiptDuplicata => "La receipt è già stata accettata",
            Self::PagamentoSconosciuto => "Pagamento in attesa risulta sconosciuto all’Ente Creditore",
            Self::PagamentoAnnullato => "Pagamento in attesa risulta annullato all’Ente Creditore",
            Self::PagamentoDuplicato => "Pagamento in attesa risulta concluso all’Ente Creditore",
            Self::PagamentoScaduto => "Pagamento in attesa risulta scaduto all’Ente Creditore",
            Self::PagamentoInCorso => "Pagamento in attesa risulta in corso all’Ente Creditore",
            Self::Semantica => "Errore semantico",
            Self::SystemError => "Errore generico",
        }
    }
}

/// A refusal: HTTP 200, `outcome` KO.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub code: FaultCode,
    /// The `idPA` asked for where it could be read, else the broker's code (DESIGN 5).
    pub id: String,
    /// Reaches the PSP's logs: no personal data in it.
    pub description: Option<String>,
}

impl Fault {
    pub fn new(code: FaultCode, id: &str) -> Self {
        Self { code, id: id.to_owned(), description: None }
    }

    #[must_use]
    pub fn because(self, description: impl Into<String>) -> Self {
        Self { description: Some(description.into()), ..self }
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.group("fault", |fault| {
            fault.value("faultCode", self.code.code());
            fault.value("faultString", self.code.fault_string());
            // No length in the schema, but nobody wants more of a text that the caller chose.
            fault.text("id", &self.id, 35);
            fault.optional_text("description", self.description.as_deref(), 1024);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_there_once() {
        let mut codes: Vec<_> = FaultCode::ALL.iter().map(|fault| fault.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), FaultCode::ALL.len());
        assert!(codes.iter().all(|code| code.starts_with("PAA_")));
    }
}
