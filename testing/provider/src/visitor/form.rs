//! Forms on a page, and the requests that submit them.

use hyper::Request;
use scraper::{ElementRef, Html, Selector};
use url::Url;

use super::browser::{get, post};
use super::{Lost, Page};

/// Words on buttons and links that end a login.
const REFUSALS: [&str; 4] = ["refuse", "cancel", "deny", "abort"];

/// Parts of the names of fields that ask for the user.
const NAMES: [&str; 4] = ["user", "login", "name", "email"];

/// Fills in the first form and submits it. Returns `None` if the page has no form.
pub(super) fn agree(page: &Page, name: &str) -> Result<Option<Request<String>>, Lost> {
    let document = Html::parse_document(&page.body);
    let Some(form) = document.select(&selector("form")).next() else {
        return Ok(None);
    };
    let mut fields = fields(form, name);
    let buttons = selector(BUTTONS);
    let button = form.select(&buttons).find(|button| !refuses(*button));
    fields.extend(button.and_then(field_of));
    submit(page, form, &fields).map(Some)
}

/// Presses the first button or link that ends the login. Returns `None` if the page has
/// neither.
pub(super) fn refuse(page: &Page) -> Result<Option<Request<String>>, Lost> {
    let document = Html::parse_document(&page.body);
    for form in document.select(&selector("form")) {
        if let Some(button) = form.select(&selector(BUTTONS)).find(|button| refuses(*button)) {
            let mut fields = fields(form, "");
            fields.extend(field_of(button));
            return submit(page, form, &fields).map(Some);
        }
    }
    let links = selector("a[href]");
    let Some(link) = document.select(&links).find(|link| refuses(*link)) else {
        return Ok(None);
    };
    get(resolve(page, link.attr("href"))?.as_str()).map(Some)
}

/// Elements that submit a form (HTML §4.10.18.6.3). A button does unless it says
/// otherwise.
const BUTTONS: &str = "button:not([type=button]):not([type=reset]), input[type=submit]";

fn submit(
    page: &Page,
    form: ElementRef<'_>,
    fields: &[(String, String)],
) -> Result<Request<String>, Lost> {
    let mut action = resolve(page, form.attr("action"))?;
    let method = form.attr("method").unwrap_or("get");
    if method.eq_ignore_ascii_case("post") {
        return post(action.as_str(), fields);
    }
    // A form that is sent with GET replaces the query of its action.
    action.query_pairs_mut().clear().extend_pairs(fields);
    get(action.as_str())
}

fn fields(form: ElementRef<'_>, name: &str) -> Vec<(String, String)> {
    form.select(&selector("input[name]:not([disabled])"))
        .filter_map(|input| {
            let field = input.attr("name")?;
            let value = input.attr("value");
            let answer = match kind(input).as_str() {
                "submit" | "button" | "reset" | "image" | "file" => return None,
                "checkbox" | "radio" => {
                    input.attr("checked")?;
                    value.unwrap_or("on")
                }
                "password" => "open sesame",
                "hidden" => value.unwrap_or_default(),
                _ if contains_any(field, &NAMES) => name,
                _ => value.unwrap_or_default(),
            };
            Some((field.to_owned(), answer.to_owned()))
        })
        .collect()
}

fn field_of(button: ElementRef<'_>) -> Option<(String, String)> {
    let name = button.attr("name")?;
    let value = button.attr("value").unwrap_or_default();
    Some((name.to_owned(), value.to_owned()))
}

fn refuses(element: ElementRef<'_>) -> bool {
    let label = match element.value().name() {
        "input" => element.attr("value").unwrap_or_default().to_owned(),
        _ => element.text().collect(),
    };
    contains_any(&label, &REFUSALS)
}

fn kind(input: ElementRef<'_>) -> String {
    input.attr("type").unwrap_or("text").to_ascii_lowercase()
}

fn contains_any(text: &str, words: &[&str]) -> bool {
    let text = text.to_lowercase();
    words.iter().any(|word| text.contains(word))
}

/// A form without an action is sent to its own page.
fn resolve(page: &Page, target: Option<&str>) -> Result<Url, Lost> {
    let url = page.url.join(target.unwrap_or_default());
    url.map_err(|error| Lost::new(format!("a page leads nowhere: {error}")))
}

fn selector(css: &str) -> Selector {
    // OK because every selector in this file is a constant that tests use.
    Selector::parse(css).expect("a valid selector")
}
