//! Which questions are asked, and in what form.

use super::*;

const DATE: &str = "20261121T100000Z";

fn query(change: impl Fn(&mut Vec<(String, String)>)) -> Option<Presigned> {
    let mut pairs: Vec<(String, String)> = [
        ("Action", "GetCallerIdentity"),
        ("Version", "2011-06-15"),
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", "AKIDEXAMPLE0123456/20261121/eu-west-2/sts/aws4_request"),
        ("X-Amz-Date", DATE),
        ("X-Amz-Expires", "900"),
        ("X-Amz-SignedHeaders", "host;x-gw-audience"),
        ("X-Amz-Security-Token", "IQoJb3JpZ2luX2VjE+/="),
        ("X-Amz-Signature", "0000000000000000000000000000000000000000000000000000000000000abc"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    change(&mut pairs);
    let mut url: Url = "https://sts.eu-west-2.amazonaws.com/".parse().unwrap();
    url.query_pairs_mut().extend_pairs(pairs);
    Presigned::read(&URL_SAFE_NO_PAD.encode(url.as_str()))
}

fn with(name: &str, value: &str) -> Option<Presigned> {
    query(|pairs| pairs.iter_mut().filter(|(known, _)| known == name).for_each(|(_, old)| *old = value.to_owned()))
}

fn at(host: &str, region: &str) -> Option<Presigned> {
    let signed = with("X-Amz-Credential", &format!("AKIDEXAMPLE0123456/20261121/{region}/sts/aws4_request"));
    let question = query(|_| {}).unwrap().url(&format!("https://{host}/")).unwrap();
    let text = question.as_str().replace("eu-west-2%2Fsts", &format!("{region}%2Fsts"));
    let read = Presigned::read(&URL_SAFE_NO_PAD.encode(text));
    signed.or(read.clone()).and(read)
}

#[test]
fn a_question_survives_being_put_together_anew() {
    let presigned = query(|_| {}).unwrap();
    let url = presigned.url("https://sts.eu-west-2.amazonaws.com/").unwrap();
    assert_eq!(Presigned::read(&URL_SAFE_NO_PAD.encode(url.as_str())), Some(presigned));
    assert!(url.query().unwrap().contains("X-Amz-Security-Token=IQoJb3JpZ2luX2VjE%2B%2F%3D"), "{url}");
}

#[test]
fn e1_only_the_services_own_hosts_are_asked() {
    for (host, region) in [
        ("sts.eu-west-2.amazonaws.com", "eu-west-2"),
        ("sts.amazonaws.com", "us-east-1"),
        ("sts.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("sts.cn-north-1.amazonaws.com.cn", "cn-north-1"),
    ] {
        assert!(at(host, region).is_some(), "{host}");
    }
    for host in [
        "evil.example",
        "sts.eu-west-2.amazonaws.com.evil.example",
        "sts.evil.example",
        "s3.eu-west-2.amazonaws.com",
        "sts.eu-west-2.amazonaws.com:444",
        "u:p@sts.eu-west-2.amazonaws.com",
        "xsts.eu-west-2.amazonaws.com",
        "sts.evil.com/sts.eu-west-2.amazonaws.com",
        "sts.eu-west-2.amazonaws.com/x",
        "127.0.0.1",
        "sts.a.b-1.amazonaws.com",
    ] {
        assert!(at(host, "eu-west-2").is_none(), "{host}");
    }
    assert!(at("sts.eu-west-1.amazonaws.com", "eu-west-2").is_none(), "host and scope disagree");
}

#[test]
fn e1_a_region_has_two_or_three_words_and_one_digit() {
    let region = |name: &str| region_of(&format!("sts.{name}.amazonaws.com")).is_some();
    assert!(region("eu-west-2") && region("us-gov-west-1") && region("ap-southeast-9"));
    for name in [
        "",
        "2",
        "eu",
        "eu-2",
        "eu-west",
        "eu-west-",
        "eu-west-x",
        "eu-west-22",
        "a-b-c-d-1",
        "e1-west-2",
        "-west-2",
        "eu--2",
        "eu-west.x-2",
        "EU-west-2",
    ] {
        assert!(!region(name), "{name}");
    }
}

#[test]
fn e1_a_question_over_plain_http_or_in_somebodys_name_is_refused() {
    let asked = |from: &str| {
        let url = query(|_| {}).unwrap().url("https://sts.eu-west-2.amazonaws.com/").unwrap();
        Presigned::read(&URL_SAFE_NO_PAD.encode(url.as_str().replacen("https://", from, 1))).is_some()
    };
    assert!(asked("https://"));
    for from in ["http://", "https://u@", "https://:p@", "https://u:p@", "ftp://"] {
        assert!(!asked(from), "{from}");
    }
}

#[test]
fn a_token_of_eight_kibibytes_is_the_longest_that_is_read() {
    let url = query(|_| {}).unwrap().url("https://sts.eu-west-2.amazonaws.com/").unwrap();
    let of = |bytes: usize| {
        let longer = format!("Security-Token={}", "a".repeat(bytes - url.as_str().len()));
        let text = url.as_str().replacen("Security-Token=", &longer, 1);
        Presigned::read(&URL_SAFE_NO_PAD.encode(text)).is_some()
    };
    assert!(of(LONGEST / 4 * 3));
    assert!(!of(LONGEST / 4 * 3 + 1) && !of(LONGEST));
}

#[test]
fn e1_another_action_parameter_or_signed_header_is_refused() {
    assert!(with("Action", "GetSessionToken").is_none() && with("Version", "2012-01-01").is_none());
    for headers in ["host", "x-gw-audience", "host;x-gw-audience;x-other", "x-gw-audience;host"] {
        assert!(with("X-Amz-SignedHeaders", headers).is_none(), "{headers}");
    }
    let more = |name: &str, value: &str| query(|pairs| pairs.push((name.to_owned(), value.to_owned())));
    assert!(more("RoleArn", "x").is_none() && more("Action", "GetCallerIdentity").is_none());
    for missing in ["Action", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Signature", "X-Amz-SignedHeaders"] {
        assert!(query(|pairs| pairs.retain(|(name, _)| name != missing)).is_none(), "{missing}");
    }
}

#[test]
fn parts_of_another_shape_are_refused() {
    for credential in [
        "AKID/20261121/eu-west-2/sts/aws4_request",
        "AKIDEXAMPLE0123456/20261120/eu-west-2/sts/aws4_request",
        "AKIDEXAMPLE0123456/20261121/eu-west-2/s3/aws4_request",
        "AKIDEXAMPLE0123456/20261121/eu-west-2/sts",
    ] {
        assert!(with("X-Amz-Credential", credential).is_none(), "{credential}");
    }
    assert!(with("X-Amz-Signature", "abc").is_none() && with("X-Amz-Security-Token", "a b").is_none());
    for expires in ["901", "0", "-1", "9e2", ""] {
        assert!(with("X-Amz-Expires", expires).is_none(), "{expires}");
    }
}

#[test]
fn a_question_is_good_for_its_own_time_only() {
    let signed = Timestamp::parse_rfc3339("2026-11-21T10:00:00Z").unwrap();
    let question = query(|_| {}).unwrap();
    assert_eq!(question.good_until(signed), Some(signed.plus_secs(900)));
    assert_eq!(question.good_until(signed.plus_secs(899)), Some(signed.plus_secs(900)));
    assert_eq!(question.good_until(signed.plus_secs(900)), None);
    let earlier = |secs: u64| Timestamp::from_secs(signed.secs() - secs);
    assert!(question.good_until(earlier(60)).is_some() && question.good_until(earlier(61)).is_none());
    for date in [
        "20261121T1000000",
        "20261121T100000Z0",
        "20261121T10000Z",
        "20261121 100000Z",
        "20261121T10000aZ",
        "20261121T100000z",
        "20261121T100000\u{e9}",
        "20261121\u{e9}00000Z",
        "20261121T250000Z",
        "2026112T1000000Z",
    ] {
        let good = with("X-Amz-Date", date).map(|question| question.good_until(signed));
        assert!(matches!(good, None | Some(None)), "{date}");
    }
}
