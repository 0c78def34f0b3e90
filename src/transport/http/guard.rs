//! Where a webhook may go: public addresses over https, and private ones that a partner's settings
//! name. Against server-side request forgery, so everything doubtful is refused.
//!
//! Every resolved address is judged, and one bad address refuses the whole name. Only addresses
//! that were judged are connected to, so a name that resolves differently a moment later gains
//! nothing. Address literals are judged in the URL, because reqwest resolves no literals.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::transport::Answer;

/// Why a webhook's address is refused. The sentence is for the log; it repeats no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    #[error("the url cannot be read")]
    Url,
    #[error("the scheme is not https")]
    Scheme,
    #[error("the url holds a user name or password")]
    Userinfo,
    #[error("the address is private, and its network is not named in the partner's settings")]
    Private,
    #[error("the address is of a kind that no webhook may reach")]
    Never,
    #[error("plain http is for named private networks only")]
    PlainHttp,
    #[error("the parcel cannot be written as a request")]
    Request,
}

impl Blocked {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Url => "url-onleesbaar",
            Self::Scheme => "geen-https",
            Self::Userinfo => "inloggegevens-in-url",
            Self::Private => "besloten-netwerk",
            Self::Never => "verboden-adres",
            Self::PlainHttp => "http-buiten-besloten-netwerk",
            Self::Request => "verzoek-onmogelijk",
        }
    }
}

/// A private network that a partner's settings name, such as `10.20.0.0/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    base: IpAddr,
    prefix: u8,
}

/// The text names no private network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a network is written as 10.20.0.0/16, without host bits, and lies in private space")]
pub struct BadNetwork;

impl Network {
    const fn v4(a: u8, b: u8, prefix: u8) -> Self {
        Self { base: IpAddr::V4(Ipv4Addr::new(a, b, 0, 0)), prefix }
    }

    const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Self {
        Self { base: IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)), prefix }
    }

    /// Whether the address lies in it; an IPv4 address never lies in an IPv6 network.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let drop = 32_u32.saturating_sub(u32::from(self.prefix));
                (base.to_bits() ^ address.to_bits()).checked_shr(drop).unwrap_or(0) == 0
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let drop = 128_u32.saturating_sub(u32::from(self.prefix));
                (base.to_bits() ^ address.to_bits()).checked_shr(drop).unwrap_or(0) == 0
            }
            _ => false,
        }
    }

    fn has_host_bits(&self) -> bool {
        match self.base {
            IpAddr::V4(base) => base.to_bits().checked_shl(self.prefix.into()).unwrap_or(0) != 0,
            IpAddr::V6(base) => base.to_bits().checked_shl(self.prefix.into()).unwrap_or(0) != 0,
        }
    }
}

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let (base, prefix) = text.split_once('/').ok_or(BadNetwork)?;
        let base: IpAddr = base.parse().map_err(|_| BadNetwork)?;
        let prefix: u8 = prefix.parse().map_err(|_| BadNetwork)?;
        let network = Self { base, prefix };
        let most = if base.is_ipv4() { 32 } else { 128 };
        let private = PRIVATE.iter().any(|p| p.contains(base) && p.prefix <= prefix);
        if prefix <= most && private && !network.has_host_bits() {
            Ok(network)
        } else {
            Err(BadNetwork)
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

/// Networks that settings may name: loopback, RFC 1918, carrier-grade NAT, unique local.
const PRIVATE: [Network; 7] = [
    Network::v4(127, 0, 8),
    Network::v4(10, 0, 8),
    Network::v4(172, 16, 12),
    Network::v4(192, 168, 16),
    Network::v4(100, 64, 10),
    Network { base: IpAddr::V6(Ipv6Addr::LOCALHOST), prefix: 128 },
    Network::v6(0xfc00, 0, 0, 7),
];

/// IPv4 that is never reached (IANA special-purpose registry): this network, link-local with its
/// metadata services, protocol assignments, documentation, 6to4 relays, benchmarking, multicast,
/// reserved and broadcast.
const NEVER_V4: [Network; 10] = [
    Network::v4(0, 0, 8),
    Network::v4(169, 254, 16),
    Network { base: IpAddr::V4(Ipv4Addr::new(192, 0, 0, 0)), prefix: 24 },
    Network { base: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 0)), prefix: 24 },
    Network { base: IpAddr::V4(Ipv4Addr::new(192, 88, 99, 0)), prefix: 24 },
    Network::v4(198, 18, 15),
    Network { base: IpAddr::V4(Ipv4Addr::new(198, 51, 100, 0)), prefix: 24 },
    Network { base: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 0)), prefix: 24 },
    Network::v4(224, 0, 4),
    Network::v4(240, 0, 4),
];

/// IPv6 inside 2000::/3 that is never reached: protocol assignments with Teredo, documentation,
/// 6to4. Outside 2000::/3 nothing is public: that refuses mapped, compatible, NAT64, discard,
/// link-local, site-local, multicast and unassigned addresses at once.
const NEVER_V6: [Network; 4] = [
    Network::v6(0x2001, 0, 0, 23),
    Network::v6(0x2001, 0x0db8, 0, 32),
    Network::v6(0x2002, 0, 0, 16),
    Network::v6(0x3fff, 0, 0, 20),
];

const GLOBAL_V6: Network = Network::v6(0x2000, 0, 0, 3);

/// Metadata services of clouds that lie outside link-local: Azure, Alibaba, AWS and Google.
const METADATA: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254)),
];

/// Whether a connection may be made to this address.
pub fn judge(address: IpAddr, named: &[Network], scheme: Scheme) -> Result<(), Blocked> {
    if is_never(address) {
        return Err(Blocked::Never);
    }
    let is_named = named.iter().any(|network| network.contains(address));
    if is_named {
        return Ok(());
    }
    if PRIVATE.iter().any(|network| network.contains(address)) {
        return Err(Blocked::Private);
    }
    match scheme {
        Scheme::Https => Ok(()),
        Scheme::Http => Err(Blocked::PlainHttp),
    }
}

fn is_never(address: IpAddr) -> bool {
    if METADATA.contains(&address) {
        return true;
    }
    match address {
        IpAddr::V4(_) => NEVER_V4.iter().any(|network| network.contains(address)),
        IpAddr::V6(_) => {
            let private = PRIVATE.iter().any(|network| network.contains(address));
            let special = NEVER_V6.iter().any(|network| network.contains(address));
            special || !(private || GLOBAL_V6.contains(address))
        }
    }
}

/// How a webhook is reached. Plain http only into networks that the settings name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    Https,
    Http,
}

/// Judges what can be judged before resolving. The `url` crate already wrote odd forms of IPv4
/// (decimal, octal, hexadecimal, short) as four numbers.
pub fn check_url(url: &Url, named: &[Network]) -> Result<Scheme, Blocked> {
    let scheme = match url.scheme() {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        _ => return Err(Blocked::Scheme),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Blocked::Userinfo);
    }
    let host = url.host_str().ok_or(Blocked::Url)?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(address) => judge(address, named, scheme)?,
        Err(_) if scheme == Scheme::Http && named.is_empty() => return Err(Blocked::PlainHttp),
        Err(_) => {}
    }
    Ok(scheme)
}

/// Asks a name server. The tests put another in its place.
pub(super) type Lookup =
    Arc<dyn Fn(String) -> Answer<'static, std::io::Result<Vec<IpAddr>>> + Send + Sync>;

pub(super) fn system_lookup() -> Lookup {
    Arc::new(|name| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    })
}

/// Resolves for reqwest, and hands on only names of which every address may be reached.
pub(super) struct Resolver {
    pub(super) named: Vec<Network>,
    pub(super) scheme: Scheme,
    pub(super) lookup: Lookup,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let asked = (self.lookup)(name.as_str().to_owned());
        let (named, scheme) = (self.named.clone(), self.scheme);
        Box::pin(async move {
            let addresses = asked.await?;
            addresses.iter().try_for_each(|address| judge(*address, &named, scheme))?;
            let sockets = addresses.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(sockets) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(address: &str, named: &[&str]) -> Result<(), Blocked> {
        let named: Vec<Network> = named.iter().map(|text| text.parse().unwrap()).collect();
        judge(address.parse().unwrap(), &named, Scheme::Https)
    }

    #[test]
    fn public_addresses_may_be_reached() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "168.63.129.15",
            "2606:4700::1111",
            "2a02:1810::1",
            "2001:200::1",
        ] {
            assert_eq!(verdict(address, &[]), Ok(()), "{address}");
        }
    }

    #[test]
    fn private_addresses_only_where_settings_name_their_network() {
        for (address, network) in [
            ("127.0.0.1", "127.0.0.0/8"),
            ("127.255.255.254", "127.0.0.0/8"),
            ("10.0.0.1", "10.0.0.0/24"),
            ("172.16.0.1", "172.16.0.0/12"),
            ("172.31.255.255", "172.16.0.0/12"),
            ("192.168.1.1", "192.168.1.1/32"),
            ("100.64.0.1", "100.64.0.0/10"),
            ("::1", "::1/128"),
            ("fc00::1", "fc00::/7"),
            ("fdff:ffff::1", "fd00::/8"),
        ] {
            assert_eq!(verdict(address, &[]), Err(Blocked::Private), "{address}");
            assert_eq!(verdict(address, &["10.99.0.0/16"]), Err(Blocked::Private), "{address}");
            assert_eq!(verdict(address, &[network]), Ok(()), "{address}");
        }
        assert_eq!(verdict("10.0.1.0", &["10.0.0.0/24"]), Err(Blocked::Private));
    }

    #[test]
    fn some_addresses_are_never_reached_whatever_the_settings_say() {
        let widest = ["127.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "::1/128", "fc00::/7"];
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "169.254.0.1",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "100.100.100.200",
            "::",
            "::127.0.0.1",
            "::8.8.8.8",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b::808:808",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "5f00::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
        ] {
            assert_eq!(verdict(address, &widest), Err(Blocked::Never), "{address}");
        }
    }

    #[test]
    fn settings_name_private_networks_only() {
        for text in [
            "0.0.0.0/0",
            "8.8.8.0/24",
            "169.254.0.0/16",
            "10.0.0.1/8",
            "10.0.0.0/7",
            "10.0.0.0/33",
            "10.0.0.0",
            "::/0",
            "fe80::/10",
            "fd00::/129",
            "fd00::1/8",
            "tien/8",
            "10.0.0.0/-1",
        ] {
            assert_eq!(text.parse::<Network>(), Err(BadNetwork), "{text}");
        }
        assert_eq!("fd12:3456::/32".parse::<Network>().unwrap().to_string(), "fd12:3456::/32");
    }

    #[test]
    fn urls_are_judged_before_anything_is_resolved() {
        let named = ["127.0.0.0/8".parse().unwrap()];
        for (url, named, expected) in [
            ("https://keten.example/hook", &[][..], Ok(Scheme::Https)),
            ("http://keten.example/hook", &[], Err(Blocked::PlainHttp)),
            ("http://intern.example/hook", &named[..], Ok(Scheme::Http)),
            ("http://127.0.0.1:8080/", &named, Ok(Scheme::Http)),
            ("http://1.1.1.1/", &named, Err(Blocked::PlainHttp)),
            ("https://127.0.0.1/", &[], Err(Blocked::Private)),
            ("https://2130706433/", &[], Err(Blocked::Private)),
            ("https://0x7f.1/", &[], Err(Blocked::Private)),
            ("https://0177.0.0.1/", &[], Err(Blocked::Private)),
            ("https://127.0.0.1./", &[], Err(Blocked::Private)),
            ("https://0/", &[], Err(Blocked::Never)),
            ("https://[::ffff:7f00:1]/", &named, Err(Blocked::Never)),
            ("https://[::1]/", &named, Err(Blocked::Private)),
            ("https://iemand@keten.example/", &[], Err(Blocked::Userinfo)),
            ("https://iemand:geheim@keten.example/", &[], Err(Blocked::Userinfo)),
            ("ftp://keten.example/", &[], Err(Blocked::Scheme)),
            ("file:///etc/passwd", &[], Err(Blocked::Scheme)),
        ] {
            assert_eq!(check_url(&Url::parse(url).unwrap(), named), expected, "{url}");
        }
    }

    #[tokio::test]
    async fn one_bad_address_refuses_the_whole_name() {
        let answers = ["1.1.1.1", "10.0.0.1"].map(|text| text.parse::<IpAddr>().unwrap());
        let lookup: Lookup = Arc::new(move |_| Box::pin(async move { Ok(answers.to_vec()) }));
        let resolver = Resolver { named: Vec::new(), scheme: Scheme::Https, lookup };
        let refused = resolver.resolve("keten.example".parse().unwrap()).await.err().unwrap();
        assert_eq!(refused.downcast_ref(), Some(&Blocked::Private));
    }
}
