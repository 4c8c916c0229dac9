//! Who could take the money. All invented; fees and limits are what a payer would meet.

use std::hash::{DefaultHasher, Hash, Hasher};

use domain::Language;
use serde::{Deserialize, Serialize};

/// The three ways that Checkout offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Method {
    Card,
    Account,
    Other,
}

/// One offer of a payment service provider for one method.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Psp {
    /// The offer's id.
    pub(crate) id: &'static str,
    pub(crate) method: Method,
    /// What the list shows.
    pub(crate) service: &'static str,
    pub(crate) name: &'static str,
    pub(crate) psp_id: &'static str,
    pub(crate) fiscal_code: &'static str,
    /// pagoPA's code of the method.
    pub(crate) method_code: &'static str,
    /// The most that it asks, in cents.
    pub(crate) max_fee_cents: u64,
    /// Takes no payment above.
    pub(crate) max_amount_cents: u64,
}

const fn psp(
    id: &'static str,
    method: Method,
    (service, name): (&'static str, &'static str),
    (psp_id, fiscal_code): (&'static str, &'static str),
    method_code: &'static str,
    (max_fee_cents, max_amount_cents): (u64, u64),
) -> Psp {
    Psp { id, method, service, name, psp_id, fiscal_code, method_code, max_fee_cents, max_amount_cents }
}

pub(crate) static PSPS: &[Psp] = &[
    psp(
        "card-esempio",
        Method::Card,
        ("Pagamento con carte", "Banca Esempio"),
        ("ESEMITMM", "99999000021"),
        "CP",
        (50, 500_000),
    ),
    psp(
        "card-prova",
        Method::Card,
        ("Carte", "Istituto di Pagamento Prova"),
        ("PROVITMM", "99999000039"),
        "CP",
        (95, 300_000),
    ),
    psp(
        "card-dimostrativa",
        Method::Card,
        ("Carta sicura", "Cassa Dimostrativa"),
        ("DIMOITMM", "99999000047"),
        "CP",
        (120, 1_000_000),
    ),
    psp(
        "card-finta",
        Method::Card,
        ("Acquisti con carta", "Credito Finto"),
        ("FINTITMM", "99999000054"),
        "CP",
        (0, 5_000),
    ),
    psp(
        "account-esempio",
        Method::Account,
        ("Banca in linea Esempio", "Banca Esempio"),
        ("ESEMITMM", "99999000021"),
        "MYBK",
        (90, 1_500_000),
    ),
    psp(
        "account-prova",
        Method::Account,
        ("Bonifico immediato Prova", "Istituto di Pagamento Prova"),
        ("PROVITMM", "99999000039"),
        "MYBK",
        (70, 1_500_000),
    ),
    psp(
        "account-conto",
        Method::Account,
        ("Paga dal conto", "Cassa Dimostrativa"),
        ("DIMOITMM", "99999000047"),
        "RPIC",
        (0, 100_000),
    ),
    psp(
        "other-portafoglio",
        Method::Other,
        ("Portafoglio digitale", "Borsellino Prova"),
        ("BORSITMM", "99999000062"),
        "PPAL",
        (150, 250_000),
    ),
    psp(
        "other-app",
        Method::Other,
        ("App di pagamento", "Tocca e Paga Prova"),
        ("TOCCITMM", "99999000070"),
        "SATY",
        (0, 100_000),
    ),
    psp(
        "other-bollettino",
        Method::Other,
        ("Bollettino postale online", "Servizi Postali di Prova"),
        ("POSTITMM", "99999000088"),
        "RBPP",
        (100, 9_999_999_999),
    ),
];

/// How a list is ordered. Unless the payer asks, no provider is favoured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Random,
    Fee,
    Name,
}

impl Order {
    pub(crate) fn of(text: &str) -> Self {
        match text {
            "fee" => Self::Fee,
            "name" => Self::Name,
            _ => Self::Random,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Random => "",
            Self::Fee => "fee",
            Self::Name => "name",
        }
    }
}

impl Psp {
    pub(crate) fn by_id(id: &str) -> Option<&'static Self> {
        PSPS.iter().find(|psp| psp.id == id)
    }

    /// `paymentMethod` of the receipt.
    pub(crate) fn payment_method(&self) -> &'static str {
        match self.method {
            Method::Card => "creditCard",
            Method::Account | Method::Other => "other",
        }
    }
}

/// The offers for a method and an amount. The random order is drawn per cart, so a reload shuffles nothing.
pub(crate) fn offers(method: Method, amount_cents: u64, order: Order, search: &str, cart: &str) -> Vec<&'static Psp> {
    let search = search.to_lowercase();
    let found = |text: &str| text.to_lowercase().contains(&search);
    let mut offers: Vec<&Psp> = PSPS
        .iter()
        .filter(|psp| psp.method == method && amount_cents <= psp.max_amount_cents)
        .filter(|psp| found(psp.name) || found(psp.service))
        .collect();
    let drawn = |psp: &Psp| {
        let mut hasher = DefaultHasher::new();
        (cart, psp.id).hash(&mut hasher);
        hasher.finish()
    };
    match order {
        Order::Random => offers.sort_by_key(|psp| drawn(psp)),
        Order::Fee => offers.sort_by_key(|psp| (psp.max_fee_cents, drawn(psp))),
        Order::Name => offers.sort_by_key(|psp| psp.service.to_lowercase()),
    }
    offers
}

impl Method {
    pub(crate) fn of(text: &str) -> Option<Self> {
        match text {
            "card" => Some(Self::Card),
            "account" => Some(Self::Account),
            "other" => Some(Self::Other),
            _ => None,
        }
    }

    pub(crate) fn label(self, language: Language) -> &'static str {
        match self {
            Self::Card => language.choose("Carta di credito o debito", "Credit or debit card"),
            Self::Account => language.choose("Conto corrente", "Bank account"),
            Self::Other => language.choose("Altri metodi di pagamento", "Other payment methods"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(order: Order, search: &str, amount: u64, cart: &str) -> Vec<&'static str> {
        offers(Method::Card, amount, order, search, cart).into_iter().map(|psp| psp.id).collect()
    }

    #[test]
    fn lists_can_be_ordered_and_searched() {
        assert_eq!(ids(Order::Fee, "", 100, "a"), ["card-finta", "card-esempio", "card-prova", "card-dimostrativa"]);
        assert_eq!(ids(Order::Name, "", 100, "a"), ["card-finta", "card-dimostrativa", "card-prova", "card-esempio"]);
        assert_eq!(ids(Order::Fee, "PROVA", 100, "a"), ["card-prova"]);
        assert_eq!(ids(Order::Random, "", 100, "a"), ids(Order::Random, "", 100, "a"), "a reload shuffles nothing");
        let orders: std::collections::HashSet<_> =
            (0..20).map(|cart| ids(Order::Random, "", 100, &cart.to_string())).collect();
        assert!(orders.len() > 1, "nobody is always first");
        assert_eq!(ids(Order::Fee, "", 2_000_000, "a"), Vec::<&str>::new(), "above all limits there is nobody");
    }

    #[test]
    fn ids_are_unique() {
        let mut ids: Vec<_> = PSPS.iter().map(|psp| psp.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), PSPS.len());
    }
}
