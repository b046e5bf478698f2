//! What the surroundings could prove about this job or machine: see `--assertion`.

use std::env;

/// A sign of a CI system, a cluster or a cloud: the variable that it sets.
struct Sign {
    variable: &'static str,
    name: &'static str,
    place: Place,
}

/// Where its assertion is.
enum Place {
    /// As `--assertion` names it.
    Known(&'static str),
    /// In the variable itself.
    Variable,
    /// In the file that the variable names.
    File,
    /// Not there yet: what to do for one.
    Missing(&'static str),
}

const SIGNS: [Sign; 12] = [
    sign("ACTIONS_ID_TOKEN_REQUEST_URL", "GitHub Actions", Place::Known("github")),
    sign("CIRCLE_OIDC_TOKEN_V2", "CircleCI", Place::Variable),
    sign("BITBUCKET_STEP_OIDC_TOKEN", "Bitbucket", Place::Variable),
    sign("TFC_WORKLOAD_IDENTITY_TOKEN", "HCP Terraform", Place::Variable),
    sign("VERCEL_OIDC_TOKEN", "Vercel", Place::Variable),
    sign("AZURE_FEDERATED_TOKEN_FILE", "Azure", Place::File),
    sign("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS", Place::File),
    sign(
        "BUILDKITE_AGENT_ACCESS_TOKEN",
        "Buildkite",
        Place::Known("'command:buildkite-agent oidc request-token --audience URL'"),
    ),
    sign(
        "SPIFFE_ENDPOINT_SOCKET",
        "SPIFFE",
        Place::Missing("have a helper write the token to a file, for --assertion file:PATH"),
    ),
    sign(
        "GITLAB_CI",
        "GitLab CI",
        Place::Missing("name a variable under id_tokens, for --assertion env:NAME"),
    ),
    sign(
        "GITHUB_ACTIONS",
        "GitHub Actions",
        Place::Missing("add to the job: permissions: { id-token: write, contents: read }"),
    ),
    sign(
        "KUBERNETES_SERVICE_HOST",
        "Kubernetes",
        Place::Missing("project a serviceAccountToken into the pod, for --assertion file:PATH"),
    ),
];

const fn sign(variable: &'static str, name: &'static str, place: Place) -> Sign {
    Sign { variable, name, place }
}

/// Returns a line for each sign, the one with an assertion only if a system has both.
pub(super) fn found() -> Vec<String> {
    let value = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let mut known = Vec::new();
    let mut lines = Vec::new();
    for Sign { variable, name, place } in &SIGNS {
        let Some(value) = value(variable) else { continue };
        if known.contains(name) {
            continue;
        }
        known.push(*name);
        lines.push(match place {
            Place::Known(place) => format!("{name}: --assertion {place}"),
            Place::Variable => format!("{name}: --assertion env:{variable}"),
            Place::File => format!("{name}: --assertion file:{value}"),
            Place::Missing(remedy) => format!("{name}: {remedy}"),
        });
    }
    lines
}
