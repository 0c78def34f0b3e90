//! RabbitMQ's management API: what it holds, and changing that. Logs and errors never show the
//! login that the url carries.

use std::time::Duration;

use reqwest::{Certificate, Client, Method, StatusCode, Url};
use serde_json::Value;

use super::plan::{Found, Request, Verb};
use crate::cli::access::Halt;
use crate::cli::output::Exit;

/// The largest broker answers within this.
const ANSWER_MOST: Duration = Duration::from_secs(60);

pub struct Management {
    client: Client,
    url: Url,
}

impl Management {
    /// `authority`: who signed its certificate, in PEM.
    pub fn new(url: &str, authority: Option<String>) -> Result<Self, Halt> {
        let wrong = "broker.management_url heeft de vorm http://beheerder:wachtwoord@host:15672";
        let url = Url::parse(url).map_err(|_| Halt::new(Exit::Invalid, wrong))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(Halt::new(Exit::Invalid, wrong));
        }
        // Fails only where it was installed before, which is as good.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let mut client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(ANSWER_MOST);
        if let Some(pem) = authority {
            let certificates = Certificate::from_pem_bundle(pem.as_bytes());
            let certificates =
                certificates.map_err(|_| Halt::new(Exit::Invalid, "broker.ca_file is geen PEM"))?;
            client = client.tls_certs_merge(certificates);
        }
        let client = client.build();
        let client = client
            .map_err(|_| Halt::new(Exit::Failure, "er kan geen HTTP-client worden gemaakt"))?;
        Ok(Self { client, url })
    }

    /// Everything there is in a vhost that the topology may concern.
    pub async fn look(&self, vhost: &str) -> Result<Found, Halt> {
        let users = self.get(&["users"]).await?.unwrap_or_default();
        if self.get(&["vhosts", vhost]).await?.is_none() {
            return Ok(Found { users, ..Found::default() });
        }
        let all = async |path: &[&str]| Ok::<_, Halt>(self.get(path).await?.unwrap_or_default());
        Ok(Found {
            vhost: true,
            users,
            exchanges: all(&["exchanges", vhost]).await?,
            queues: all(&["queues", vhost]).await?,
            bindings: all(&["bindings", vhost]).await?,
            permissions: all(&["vhosts", vhost, "permissions"]).await?,
            topic_permissions: all(&["vhosts", vhost, "topic-permissions"]).await?,
        })
    }

    /// The queues of a vhost, as the API tells them.
    pub async fn queues(&self, vhost: &str) -> Result<Option<Value>, Halt> {
        self.get(&["queues", vhost]).await
    }

    /// Whether nothing lies in a queue. A quorum queue cannot be deleted on that condition, so it
    /// is asked just before.
    pub async fn is_empty(&self, vhost: &str, queue: &str) -> Result<bool, Halt> {
        let found = self.get(&["queues", vhost, queue]).await?.unwrap_or_default();
        // A queue that is new tells no number yet, and is left for another time.
        Ok(found.get("messages").and_then(Value::as_u64) == Some(0))
    }

    /// The process of the broker's first node, on the machine where that runs.
    pub async fn process(&self) -> Result<Option<u32>, Halt> {
        let nodes = self.get(&["nodes"]).await?.unwrap_or_default();
        let told = nodes.get(0).and_then(|node| node.get("os_pid")?.as_str());
        Ok(told.and_then(|text| text.parse().ok()))
    }

    /// Removes a vhost with everything in it.
    pub async fn remove_vhost(&self, vhost: &str) -> Result<(), Halt> {
        let path = vec!["vhosts".to_owned(), vhost.to_owned()];
        self.change(&Request { verb: Verb::Delete, path, body: Value::Null }).await
    }

    /// Carries out one change.
    pub async fn change(&self, request: &Request) -> Result<(), Halt> {
        let method = match request.verb {
            Verb::Put => Method::PUT,
            Verb::Post => Method::POST,
            Verb::Delete => Method::DELETE,
        };
        let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
        let mut asked = self.client.request(method, self.to(&path)?);
        if !request.body.is_null() {
            asked = asked.json(&request.body);
        }
        let answer = asked.send().await.map_err(|error| unreachable(&error))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let told: Value = answer.json().await.unwrap_or_default();
        let why = told.get("reason").and_then(Value::as_str).unwrap_or("zonder uitleg");
        Err(refused(status, &path.join("/"), why))
    }

    /// `None` where there is no such thing.
    async fn get(&self, path: &[&str]) -> Result<Option<Value>, Halt> {
        let answer = self.client.get(self.to(path)?).send().await;
        let answer = answer.map_err(|error| unreachable(&error))?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => {
                answer.json().await.map(Some).map_err(|error| unreachable(&error))
            }
            status => Err(refused(status, &path.join("/"), "lezen mag niet")),
        }
    }

    fn to(&self, path: &[&str]) -> Result<Url, Halt> {
        let mut url = self.url.clone();
        match url.path_segments_mut() {
            Ok(mut segments) => {
                segments.pop_if_empty().push("api").extend(path);
            }
            Err(()) => return Err(Halt::new(Exit::Invalid, "broker.management_url is geen adres")),
        }
        Ok(url)
    }
}

/// Without the url, which holds a password.
fn unreachable(error: &reqwest::Error) -> Halt {
    let why = if error.is_timeout() {
        "antwoordt niet op tijd"
    } else if error.is_connect() {
        "is niet bereikbaar"
    } else {
        "geeft een onleesbaar antwoord"
    };
    Halt::new(
        Exit::Unreachable,
        format!(
            "de beheer-API van de broker {why}; klopt broker.management_url, en staat de plugin \
             rabbitmq_management aan?"
        ),
    )
}

fn refused(status: StatusCode, path: &str, why: &str) -> Halt {
    let exit = match status.as_u16() {
        401 | 403 => Exit::NotAllowed,
        _ => Exit::Failure,
    };
    let number = status.as_u16();
    let advice = if exit == Exit::NotAllowed {
        "\nDe gebruiker van broker.management_url moet beheerder zijn (administrator) en alle \
         rechten hebben op deze vhost."
    } else {
        ""
    };
    Halt::new(exit, format!("de broker weigert {path} ({number}): {why}{advice}"))
}
