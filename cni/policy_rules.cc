#include "policy_rules.hpp"

#include <algorithm>
#include <cctype>

#include "intervals.hpp"
#include "pod_range.hpp"

namespace keelson::cni {
namespace {

using networking_v1::NetworkPolicyPeer;
using networking_v1::NetworkPolicyPort;

constexpr std::size_t kTitleBytesMax = 120;   // nftables' comments are short
constexpr const char* kProtocols[] = {"TCP", "UDP", "SCTP"};
constexpr std::uint32_t kLastPort = 65'535;

std::string lower(const std::string& protocol) { return protocol == "UDP" ? "udp" : protocol == "SCTP" ? "sctp" : "tcp"; }

/// A policy's name as a comment.
std::string title_of(const Key& key) {
  auto title = (key.ns + "/" + key.name).substr(0, kTitleBytesMax);
  std::replace_if(title.begin(), title.end(), [](unsigned char c) { return std::isalnum(c) == 0 && c != '-' && c != '.' && c != '/'; }, '_');
  return title;
}

/// As a number and back: nothing of a text that others wrote gets into a rule.
std::string checked_address(const std::string& text) {
  const auto range = parse_range(text + "/32");
  return range ? address_text(range->base) : std::string();
}

std::optional<Interval> interval_of(const std::string& cidr) {
  const auto range = parse_range(cidr);
  if (!range) return std::nullopt;   // of the other family: pods have IPv4 addresses
  const auto size = range->bits == 0 ? ~std::uint32_t{0} : (std::uint32_t{1} << (32 - range->bits)) - 1;
  return Interval{range->base, range->base + size};
}

Intervals blocks_of(const std::vector<NetworkPolicyPeer>& peers) {
  Intervals all;
  for (const auto& peer : peers) {
    const auto whole = peer.ipBlock ? interval_of(peer.ipBlock->cidr) : std::nullopt;
    if (!whole) continue;
    Intervals holes;
    for (const auto& except : peer.ipBlock->except)
      if (const auto hole = interval_of(except)) holes.push_back(*hole);
    for (const auto& part : difference(*whole, holes)) all.push_back(part);
  }
  return united(all);
}

bool named(const NetworkPolicyPort& port) { return port.port && !port.port->is_int(); }

/// Matches of the ports that are numbers, one a protocol.
std::vector<std::string> port_matches(const std::vector<NetworkPolicyPort>& ports) {
  std::vector<std::string> out;
  for (const std::string protocol : kProtocols) {
    Intervals all;
    bool any = false;
    for (const auto& port : ports) {
      if (port.protocol.value_or("TCP") != protocol || named(port)) continue;
      any = any || !port.port;
      if (!port.port) continue;
      const auto first = static_cast<std::uint32_t>(port.port->number());
      all.emplace_back(first, std::clamp(static_cast<std::uint32_t>(port.endPort.value_or(port.port->number())), first, kLastPort));
    }
    if (any) out.push_back("meta l4proto " + lower(protocol) + " ");
    else if (!all.empty()) out.push_back(lower(protocol) + " dport " + numbers_text(united(all)) + " ");
  }
  return out;
}

void add_ports(const core_v1::Container& container, std::vector<PodFacts::Port>& out) {
  for (const auto& port : container.ports)
    if (!port.name.empty()) out.push_back({port.name, port.protocol.empty() ? "TCP" : port.protocol, port.containerPort});
}

}  // namespace

std::optional<PodFacts> facts_of(const core_v1::Pod& pod, const std::string& node, std::string address) {
  if (pod.spec.hostNetwork || pod.status.phase == "Succeeded" || pod.status.phase == "Failed") return std::nullopt;
  PodFacts facts;
  facts.address = checked_address(address.empty() ? pod.status.podIP : address);
  if (facts.address.empty()) return std::nullopt;
  facts.key = {pod.meta.namespace_, pod.meta.name};
  facts.labels = pod.meta.labels;
  facts.here = pod.spec.nodeName == node;
  for (const auto& container : pod.spec.containers) add_ports(container, facts.ports);
  for (const auto& container : pod.spec.initContainers)
    if (container.restartPolicy == "Always") add_ports(container, facts.ports);
  return facts;
}

// "to" is where every packet gets that its source may send; "forward" sees what goes from pod to pod, in and out. The node itself
// is no forwarder of its own packets: it reaches its pods, and they it, as the API has it.
PolicyRules::PolicyRules(const std::string& bridge) {
  rules_.sets = {{"egress", {kVerdicts, {}}}, {"ingress", {kVerdicts, {}}}, {"self", {kAddressPairs, {}}}};
  rules_.chains = {{"to", {"ip daddr vmap @ingress", "accept"}},
                   {"forward",
                    {"type filter hook forward priority -10; policy accept;", "ct state established,related accept",
                     "iifname \"" + bridge + "\" oifname \"" + bridge + "\" meta nfproto ipv6 drop",   // pods have none but link-local ones, which no policy knows
                     "ip saddr . ip daddr @self accept", "ip saddr vmap @egress", "goto to"}}};
}

void PolicyRules::new_set(const std::string& name, const char* type) {
  rules_.sets[name].type = type;
  changed_.insert(name);
}

template <class Spec>
void PolicyRules::add_rule(Policy& policy, bool in, const Spec& spec, const std::vector<NetworkPolicyPeer>& peers, std::size_t number) {
  const std::string chain = policy.id + (in ? "-in" : "-out"), prefix = chain + std::to_string(number), address = in ? "ip saddr " : "ip daddr ", verdict = in ? "accept" : "goto to";
  Rule rule;
  rule.in = in;
  rule.anyone = peers.empty();
  for (const auto& peer : peers) {
    if (peer.ipBlock) continue;
    Peer& kept = rule.peers.emplace_back();
    if (peer.podSelector) kept.pods = *peer.podSelector;
    if (peer.namespaceSelector) kept.namespaces = *peer.namespaceSelector;
    policy.elsewhere = policy.elsewhere || kept.namespaces;
  }
  std::vector<std::string> who;
  if (rule.anyone) who.emplace_back();
  if (!rule.peers.empty()) {
    rule.pods = prefix + "-pods";
    new_set(rule.pods, kAddresses);
    who.push_back(address + "@" + rule.pods + " ");
  }
  if (const auto blocks = blocks_of(peers); !blocks.empty()) who.push_back(address + addresses_text(blocks) + " ");
  auto& lines = rules_.chains[chain];
  const auto what = spec.ports.empty() ? std::vector<std::string>{""} : port_matches(spec.ports);
  for (const auto& one : who)
    for (const auto& ports : what) lines.push_back(one + ports + verdict);
  for (const auto& port : spec.ports)
    if (named(port)) rule.named.push_back({std::get<std::string>(port.port->value), port.protocol.value_or("TCP")});
  if (!rule.named.empty()) {
    rule.ports = prefix + "-ports";
    new_set(rule.ports, kAddressPorts);
    policy.elsewhere = policy.elsewhere || (!in && rule.anyone);
    const std::string match = "ip daddr . meta l4proto . th dport @" + rule.ports + " " + verdict;
    if (!in) lines.push_back(match);   // the set holds what this rule's peers call so
    else for (const auto& one : who) lines.push_back(one + match);
  }
  policy.rules.push_back(std::move(rule));
}

void PolicyRules::put(const networking_v1::NetworkPolicy& from) {
  const Key key{from.meta.namespace_, from.meta.name};
  remove(key);
  Policy policy;
  policy.key = key;
  policy.id = "p-" + from.meta.uid;
  policy.selector = from.spec.podSelector;
  const auto& types = from.spec.policyTypes;
  const auto names = [&](const char* type) { return std::find(types.begin(), types.end(), type) != types.end(); };
  policy.in = types.empty() || names("Ingress");
  policy.out = types.empty() ? !from.spec.egress.empty() : names("Egress");
  const auto begin = [&](const char* direction) {
    rules_.chains[policy.id + direction] = {};
    changed_.insert(policy.id + direction);
  };
  if (policy.in) begin("-in");
  if (policy.out) begin("-out");
  for (std::size_t i = 0; policy.in && i < from.spec.ingress.size(); ++i) add_rule(policy, true, from.spec.ingress[i], from.spec.ingress[i].from, i);
  for (std::size_t i = 0; policy.out && i < from.spec.egress.size(); ++i) add_rule(policy, false, from.spec.egress[i], from.spec.egress[i].to, i);
  namespace_askers_ += policy.elsewhere ? 1 : 0;
  titles_[policy.id] = title_of(key);
  policies_[key] = std::move(policy);
}

void PolicyRules::remove(const Key& key) {
  const auto found = policies_.find(key);
  if (found == policies_.end()) return;
  auto& policy = found->second;
  while (!policy.pods.empty()) replace(policy, policy.pods.begin()->first, {});
  for (const auto& rule : policy.rules)
    for (const auto& set : {rule.pods, rule.ports}) {
      if (set.empty()) continue;
      rules_.sets.erase(set);
      changed_.insert(set);
    }
  for (const char* direction : {"-in", "-out"})
    if (rules_.chains.erase(policy.id + direction) > 0) changed_.insert(policy.id + direction);
  namespace_askers_ -= policy.elsewhere ? 1 : 0;
  titles_.erase(policy.id);
  policies_.erase(found);
}

bool PolicyRules::looks_elsewhere(const Key& key) const {
  const auto found = policies_.find(key);
  return found != policies_.end() && found->second.elsewhere;
}

PolicyRules::Contribution PolicyRules::contribution(const Policy& policy, const PodFacts& pod, const LabelMap& namespace_labels) const {
  Contribution out;
  const bool own = pod.key.ns == policy.key.ns, selected = own && matches(policy.selector, pod.labels);
  if (selected && pod.here) out.isolated = pod.address;
  for (const auto& rule : policy.rules) {
    const bool peer = std::any_of(rule.peers.begin(), rule.peers.end(), [&](const Peer& one) {
      return (one.namespaces ? matches(*one.namespaces, namespace_labels) : own) && matches(one.pods, pod.labels);
    });
    if (peer) out.elements.emplace(rule.pods, pod.address);
    if (rule.in ? !(selected && pod.here) : !(peer || rule.anyone)) continue;
    for (const auto& wanted : rule.named)
      for (const auto& port : pod.ports)
        if (port.name == wanted.name && port.protocol == wanted.protocol)
          out.elements.emplace(rule.ports, pod.address + " . " + lower(port.protocol) + " . " + std::to_string(port.number));
  }
  return out;
}

void PolicyRules::show_to(const Key& key, const PodFacts& pod, const LabelMap& namespace_labels) {
  const auto found = policies_.find(key);
  if (found != policies_.end()) replace(found->second, pod.key, contribution(found->second, pod, namespace_labels));
}

void PolicyRules::show(const PodFacts& pod, const LabelMap& namespace_labels) {
  for (auto& [key, policy] : policies_) replace(policy, pod.key, contribution(policy, pod, namespace_labels));
}

void PolicyRules::forget(const Key& pod) {
  for (auto& [key, policy] : policies_) replace(policy, pod, {});
}

void PolicyRules::replace(Policy& policy, const Key& pod, Contribution contribution) {
  const auto held = policy.pods.find(pod);
  if (held != policy.pods.end() && held->second == contribution) return;
  const auto before = held == policy.pods.end() ? Contribution() : held->second;
  count(policy, contribution, +1);
  count(policy, before, -1);
  if (contribution != Contribution()) policy.pods[pod] = std::move(contribution);
  else if (held != policy.pods.end()) policy.pods.erase(held);
}

void PolicyRules::count(const Policy& policy, const Contribution& contribution, int step) {
  for (const auto& [set, one] : contribution.elements) element(set, one, step);
  if (contribution.isolated.empty()) return;
  auto& isolation = isolated_[contribution.isolated];
  const auto add = [&](std::map<std::string, int>& policies) {
    if ((policies[policy.id] += step) <= 0) policies.erase(policy.id);
  };
  if (policy.in) add(isolation.in);
  if (policy.out) add(isolation.out);
  isolate(contribution.isolated);
}

/// Brings the chains of an address, and the maps that lead there, to what isolates it now.
void PolicyRules::isolate(const std::string& address) {
  const auto& isolation = isolated_[address];
  const auto direct = [&](const std::string& map, const std::string& direction, const std::map<std::string, int>& policies) {
    const std::string chain = direction + "-" + address, entry = address + " : goto " + chain;
    changed_.insert({map, chain});
    if (policies.empty()) {
      rules_.chains.erase(chain);
      rules_.sets[map].elements.erase(entry);
      return;
    }
    rules_.sets[map].elements[entry] = 1;
    auto& lines = rules_.chains[chain] = {};
    for (const auto& [id, pods] : policies) lines.push_back("jump " + id + "-" + direction + " comment \"" + titles_[id] + "\"");
    lines.emplace_back("drop");
  };
  direct("ingress", "in", isolation.in);
  direct("egress", "out", isolation.out);
  changed_.insert("self");
  auto& self = rules_.sets["self"].elements;
  if (!isolation.none()) self[address + " . " + address] = 1;
  else self.erase(address + " . " + address);
  if (isolation.none()) isolated_.erase(address);
}

void PolicyRules::element(const std::string& set, const std::string& element, int step) {
  auto& elements = rules_.sets[set].elements;
  const bool there = elements.contains(element);
  if ((elements[element] += step) <= 0) elements.erase(element);
  if (there != elements.contains(element)) changed_.insert(set);
}

}  // namespace keelson::cni
