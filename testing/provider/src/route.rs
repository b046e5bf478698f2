//! Routing of requests to endpoints, and application of faults.

use crate::answer::Answer;
use crate::asked::Asked;
use crate::call::Call;
use crate::context::{Context, lock};
use crate::control;
use crate::dialect::{At, Dialect, Route};
use crate::endpoints;
use crate::fault::Target;
use crate::issuer::Issuer;

/// Returns the endpoint's response, changed by faults.
pub(crate) fn answer(dialect: &'static Dialect, context: &Context, asked: &Asked) -> Answer {
    if let Some(path) = asked.path.strip_prefix(control::PREFIX) {
        return control::answer(dialect, context, asked, path);
    }
    lock(&context.log).push(asked.seen());
    let found = find(dialect, context, &asked.path);
    let route = found.as_ref().map(|(route, _)| *route);
    let target = Target {
        path: &asked.path,
        endpoint: route.and_then(Route::endpoint),
        is_protected: route.is_some_and(Route::is_protected),
    };
    let instead = lock(&context.faults).instead(target);
    let mut answer = instead.unwrap_or_else(|| match found {
        Some((route, issuer)) => arrive(route, &Call { dialect, context, issuer, asked }),
        None => (dialect.not_found)(context, asked),
    });
    let keys = lock(&context.keys);
    lock(&context.faults).apply(target, &mut answer, &keys);
    answer
}

fn find(
    dialect: &'static Dialect,
    context: &Context,
    path: &str,
) -> Option<(&'static Route, Issuer)> {
    dialect.routes().find_map(|route| {
        let any_path = dialect.issuer.any_path;
        Some((route, context.issuer.of_request(any_path, route.path, path)?))
    })
}

fn arrive(route: &Route, call: &Call<'_>) -> Answer {
    match &route.at {
        At::Own(own) => (own.answer)(call.context, call.asked),
        At::Endpoint(endpoint) => {
            let methods = endpoint.methods();
            if !methods.contains(&call.asked.method.as_str()) {
                return Answer::new(405, "text/plain", "").with("allow", &methods.join(", "));
            }
            endpoints::answer(*endpoint, call)
        }
    }
}
