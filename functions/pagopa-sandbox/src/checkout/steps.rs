/// The pages of a payment, in the order of a walk through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// What is to be paid, and the address for the outcome.
    Start,
    Method,
    Card,
    Psp,
    Summary,
    Confirm,
    Outcome,
    Cancel,
}

impl Step {
    pub(crate) fn of(path: &str) -> Option<Self> {
        Some(match path {
            "method" => Self::Method,
            "card" => Self::Card,
            "psp" => Self::Psp,
            "summary" => Self::Summary,
            "confirm" => Self::Confirm,
            "outcome" => Self::Outcome,
            "cancel" => Self::Cancel,
            _ => return None,
        })
    }

    /// The pattern of its path, for the log.
    pub(crate) fn route(self) -> &'static str {
        match self {
            Self::Start => "/pay/{cart}",
            Self::Method => "/pay/{cart}/method",
            Self::Card => "/pay/{cart}/card",
            Self::Psp => "/pay/{cart}/psp",
            Self::Summary => "/pay/{cart}/summary",
            Self::Confirm => "/pay/{cart}/confirm",
            Self::Outcome => "/pay/{cart}/outcome",
            Self::Cancel => "/pay/{cart}/cancel",
        }
    }

    /// Its address in one cart.
    pub(crate) fn path(self, cart: &str) -> String {
        self.route().replace("{cart}", cart)
    }
}
