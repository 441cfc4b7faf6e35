// Addresses and ranges as new objects may write them: rows of a program that asked upstream's k8s.io/apimachinery v0.36.3.
#include "core/kinds/validate/new_addresses.hpp"

#include <catch2/catch.hpp>

#include "tests/unit/kinds/support.hpp"

using namespace keelson::kinds;

namespace {

struct Row {
  std::string_view text, legacy, canonical;   ///< what is wrong with it
};

constexpr Row kAddresses[] = {
    {"", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"},
    {"10.0.0.1", "", ""},
    {"010.0.0.1", "must not have leading 0s", "must not have leading 0s"},
    {"10.0.0.01", "must not have leading 0s", "must not have leading 0s"},
    {"10.0.0", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"},
    {"10.0.0.256", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"},
    {"10.0.0.0256", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"},
    {"::1", "", ""},
    {"fe80:0:0::1", "", "must be in canonical form (\"fe80::1\")"},
    {"FE80::1", "", "must be in canonical form (\"fe80::1\")"},
    {"::ffff:1.2.3.4", "must not be an IPv4-mapped IPv6 address", "must not be an IPv4-mapped IPv6 address"},
    {"1::2::3", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"},
    {"10.0.0.1/8", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"},
    {"00.0.0.0", "must not have leading 0s", "must not have leading 0s"},
    {"0.0.0.0", "", ""},
    {"a", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"},
    {" 10.0.0.1", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"},
    {"2001:db8:0:0:0:0:0:1", "", "must be in canonical form (\"2001:db8::1\")"},
    {"2001:0db8::1", "", "must be in canonical form (\"2001:db8::1\")"},
    {"0.0.0.00", "must not have leading 0s", "must not have leading 0s"},
    {"1.2.3.0004", "must not have leading 0s", "must not have leading 0s"},
};
constexpr Row kRanges[] = {
    {"", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"},
    {"10.0.0.0/8", "", ""},
    {"10.0.0.1/8", "must not have bits set beyond the prefix length", "must not have bits set beyond the prefix length"},
    {"010.0.0.0/8", "must not have leading 0s in IP or prefix length", "must not have leading 0s in IP or prefix length"},
    {"10.0.0.0/08", "must not have leading 0s in IP or prefix length", "must not have leading 0s in IP or prefix length"},
    {"10.0.0.0/33", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"},
    {"10.0.0.0", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"},
    {"10.0.0.0/", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"},
    {"/8", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"},
    {"10.0.0.0/x", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"},
    {"::/0", "", ""},
    {"fd00::/8", "", ""},
    {"fd00::1/8", "must not have bits set beyond the prefix length", "must not have bits set beyond the prefix length"},
    {"fd00:0:0::/64", "", "must be in canonical form (\"fd00::/64\")"},
    {"::ffff:1.2.3.0/120", "must not have an IPv4-mapped IPv6 address", "must not have an IPv4-mapped IPv6 address"},
    {"0.0.0.0/0", "", ""},
    {"192.168.1.5/32", "", ""},
    {"10.0.0.0/8/8", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"},
    {"10.0.0.0/-1", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"},
    {"fd00::/129", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"},
    {"FD00::/8", "", "must be in canonical form (\"fd00::/8\")"},
    {"fd00::/08", "must not have leading 0s in IP or prefix length", "must not have leading 0s in IP or prefix length"},
    {"10.0.0.0/00", "must not have leading 0s in IP or prefix length", "must not have leading 0s in IP or prefix length"},
    {"010.0.0.0/33", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"},
    {"1.2.3.04/32", "must not have leading 0s in IP or prefix length", "must not have leading 0s in IP or prefix length"},
};

std::string said(const Complaints& complaints) {
  std::string out;
  for (const auto& complaint : complaints) out += (out.empty() ? "" : " | ") + complaint;
  return out;
}

std::string violations(const Kind& kind, std::string_view body, std::string_view before = "") {
  std::string text;
  const auto object = defaulted(kind, body);
  const auto old = before.empty() ? json::value() : defaulted(kind, before);
  for (const auto& cause : validate(kind, object, before.empty() ? nullptr : &old, "")) text += (text.empty() ? "" : " | ") + cause.field + ": " + cause.message;
  return text;
}

}  // namespace

TEST_CASE("addresses and ranges are written in ways that all software reads alike") {
  for (const auto& [text, legacy, canonical] : kAddresses) {
    CAPTURE(text);
    CHECK(said(check_new_ip(text)) == legacy);
    CHECK(said(check_canonical_ip(text)) == canonical);
  }
  for (const auto& [text, legacy, canonical] : kRanges) {
    CAPTURE(text);
    CHECK(said(check_new_cidr(text)) == legacy);
    CHECK(said(check_canonical_cidr(text)) == canonical);
  }
}

TEST_CASE("what an object had before stays, however it is written") {
  const auto policy = builtin("networking.k8s.io/v1", "NetworkPolicy");
  const auto peers = [](std::string_view blocks) { return R"({"metadata":{"name":"a","namespace":"d","uid":"u","creationTimestamp":"2026-01-01T00:00:00Z"},"spec":{"podSelector":{},"ingress":[{"from":[)" + std::string(blocks) + "]}]}}"; };
  const auto old = peers(R"({"ipBlock":{"cidr":"10.0.0.1/8","except":["10.1.0.1/16"]}})");
  CHECK(violations(*policy, old) == "spec.ingress[0].from[0].ipBlock.cidr: Invalid value: \"10.0.0.1/8\": must not have bits set beyond the prefix length | "
                                    "spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: \"10.1.0.1/16\": must not have bits set beyond the prefix length");
  CHECK(violations(*policy, peers(R"({"podSelector":{}},{"ipBlock":{"cidr":"10.0.0.1/8"}})"), old).empty());
  CHECK(violations(*policy, peers(R"({"ipBlock":{"cidr":"10.0.0.2/8"}})"), old) == "spec.ingress[0].from[0].ipBlock.cidr: Invalid value: \"10.0.0.2/8\": must not have bits set beyond the prefix length");
  CHECK(violations(*policy, peers(R"({"ipBlock":{"cidr":"10.0.0.0/8","except":[""]}})"), peers(R"({"podSelector":{}})")).starts_with("spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: \"\": "));
  const auto endpoints = builtin("v1", "Endpoints");
  const auto subset = [](std::string_view label, std::string_view ip) {
    return R"({"metadata":{"name":"a","namespace":"d","uid":"u","creationTimestamp":"2026-01-01T00:00:00Z","labels":{"a":")" + std::string(label) + R"("}},"subsets":[{"addresses":[{"ip":")" + std::string(ip) + R"("}]}]})";
  };
  CHECK(violations(*endpoints, subset("y", "10.0.0.01"), subset("x", "10.0.0.01")).empty());
  CHECK_FALSE(violations(*endpoints, subset("y", "10.0.0.02"), subset("x", "10.0.0.01")).empty());
  const auto slices = builtin("discovery.k8s.io/v1", "EndpointSlice");
  const auto slice = [](std::string_view label, std::string_view ip) {
    return R"({"metadata":{"name":"a","namespace":"d","uid":"u","creationTimestamp":"2026-01-01T00:00:00Z","labels":{"a":")" + std::string(label) + R"("}},"addressType":"IPv4","endpoints":[{"addresses":[")" + std::string(ip) + R"("]}]})";
  };
  CHECK(violations(*slices, slice("y", "10.0.0.01"), slice("x", "10.0.0.01")).empty());
  CHECK_FALSE(violations(*slices, slice("y", "10.0.0.02"), slice("x", "10.0.0.01")).empty());
  const auto service_ranges = builtin("networking.k8s.io/v1", "ServiceCIDR");
  const auto ranges = [](std::string_view label) { return R"({"metadata":{"name":"a","uid":"u","creationTimestamp":"2026-01-01T00:00:00Z","labels":{"a":")" + std::string(label) + R"("}},"spec":{"cidrs":["10.0.0.1/8"]}})"; };
  CHECK(violations(*service_ranges, ranges("y"), ranges("x")).empty());
  CHECK_FALSE(violations(*service_ranges, ranges("y")).empty());
  const auto service = builtin("v1", "Service");
  const auto with = [](std::string_view more) { return R"({"metadata":{"name":"a","namespace":"d","uid":"u","creationTimestamp":"2026-01-01T00:00:00Z"},"spec":{"ports":[{"port":80}],)" + std::string(more) + "}}"; };
  CHECK(violations(*service, with(R"("externalIPs":["010.0.0.1","127.0.0.1"])")) == "spec.externalIPs[0]: Invalid value: \"010.0.0.1\": must not have leading 0s | "
                                                                                   "spec.externalIPs[1]: Invalid value: \"127.0.0.1\": may not be in the loopback range (127.0.0.0/8, ::1/128)");
  CHECK(violations(*service, with(R"("externalIPs":["010.0.0.1","1.2.3.4"])"), with(R"("externalIPs":["010.0.0.1"])")).empty());
  CHECK(violations(*service, with(R"("type":"LoadBalancer","loadBalancerSourceRanges":[" 10.0.0.0/8 ","10.0.0.1/8"])")) ==
        "spec.LoadBalancerSourceRanges[1]: Invalid value: \"10.0.0.1/8\": must not have bits set beyond the prefix length");
}
