//! What fields are called, in the summary of a form's errors: each link there begins with its field's name.

/// The field's label, Italian and English. `None` for what no form shows (a command's key).
pub fn label(field: &str) -> Option<(&'static str, &'static str)> {
    Some(match field {
        "accept" => ("Condizioni del servizio", "Conditions of the service"),
        "amount" => ("Importo in euro", "Amount in euro"),
        "birth_date" => ("Data di nascita", "Date of birth"),
        "birth_place" => ("Comune o Stato estero di nascita", "Municipality or foreign state of birth"),
        "category" => ("Categoria", "Category"),
        "description" => ("Causale", "Reason"),
        "due" => ("Scadenza", "Due date"),
        "email" => ("E-mail", "E-mail"),
        "email_confirmation" => ("Conferma e-mail", "Confirm the e-mail"),
        "fiscal_code" => ("Codice fiscale", "Codice fiscale"),
        "name" => ("Nome", "Name"),
        "new_password" => ("Nuova password", "New password"),
        "new_password_confirmation" => ("Conferma nuova password", "Confirm the new password"),
        "number" => ("Codice avviso", "Notice number"),
        "old_password" => ("Vecchia password", "Old password"),
        "password" => ("Password", "Password"),
        "privacy" => ("Informativa sulla privacy", "Privacy notice"),
        "pupil" => ("Alunno", "Pupil"),
        "robot" => ("Non sono un robot", "I am not a robot"),
        "school" => ("Scuola", "School"),
        "sex" => ("Sesso", "Sex"),
        "surname" => ("Cognome", "Surname"),
        "terms" => ("Condizioni generali", "General conditions"),
        "username" => ("Nome utente", "Username"),
        _ => return None,
    })
}
