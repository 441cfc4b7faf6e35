#include "images.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace keelson::node {
namespace {

bool legal_path(const std::string& path) {
  if (path.empty()) return false;
  return std::all_of(path.begin(), path.end(), [](unsigned char c) { return std::islower(c) || std::isdigit(c) || c == '.' || c == '_' || c == '-' || c == '/'; }) &&
         path.front() != '/' && path.back() != '/' && path.find("//") == std::string::npos;
}

bool legal_tag(const std::string& tag) {
  if (tag.empty() || tag.size() > 128 || tag[0] == '.' || tag[0] == '-') return false;
  return std::all_of(tag.begin(), tag.end(), [](unsigned char c) { return std::isalnum(c) || c == '.' || c == '_' || c == '-'; });
}

struct ImageName {
  std::string host, path, tag, digest;
};

std::optional<ImageName> parse(const std::string& image) {
  ImageName name;
  std::string rest = image;
  if (const auto at = rest.find('@'); at != std::string::npos) {
    name.digest = rest.substr(at + 1);
    rest.resize(at);
    if (name.digest.find(':') == std::string::npos) return std::nullopt;
  }
  const auto slash = rest.rfind('/');
  const auto colon = rest.rfind(':');
  if (colon != std::string::npos && (slash == std::string::npos || colon > slash)) {
    name.tag = rest.substr(colon + 1);
    rest.resize(colon);
    if (!legal_tag(name.tag)) return std::nullopt;
  }
  const auto first = rest.find('/');
  const std::string head = rest.substr(0, first);
  const bool has_host = first != std::string::npos && (head.find_first_of(".:") != std::string::npos || head == "localhost");
  name.host = has_host ? head : "docker.io";
  name.path = has_host ? rest.substr(first + 1) : rest;
  if (!legal_path(name.path)) return std::nullopt;
  if (name.host == "docker.io" && name.path.find('/') == std::string::npos) name.path = "library/" + name.path;
  return name;
}

std::string base64_decode(const std::string& text) {
  std::string out;
  unsigned bits = 0, buffer = 0;
  for (const char c : text) {
    const char* alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char* at = c == 0 ? nullptr : std::char_traits<char>::find(alphabet, 64, c);
    if (at == nullptr) continue;
    buffer = buffer << 6 | static_cast<unsigned>(at - alphabet);
    bits += 6;
    if (bits >= 8) out += static_cast<char>(buffer >> (bits -= 8) & 0xff);
  }
  return out;
}

std::string text_of(const boost::json::object& object, const char* key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

/// "https://index.docker.io/v1/" and "docker.io" name the same registry.
std::string registry_host(std::string server) {
  if (const auto scheme = server.find("://"); scheme != std::string::npos) server.erase(0, scheme + 3);
  if (const auto slash = server.find('/'); slash != std::string::npos) server.resize(slash);
  return server == "index.docker.io" || server == "registry-1.docker.io" ? "docker.io" : server;
}

Credentials to_credentials(const boost::json::object& entry) {
  Credentials out{text_of(entry, "username"), text_of(entry, "password"), {}, text_of(entry, "identitytoken"), text_of(entry, "registrytoken")};
  if (const auto pair = base64_decode(text_of(entry, "auth")); out.username.empty() && !pair.empty()) {
    const auto colon = pair.find(':');
    out.username = pair.substr(0, colon);
    if (colon != std::string::npos) out.password = pair.substr(colon + 1);
  }
  return out;
}

}  // namespace

std::string normalized_image(const std::string& image) {
  const auto name = parse(image);
  if (!name) return {};
  std::string out = name->host + "/" + name->path;
  if (!name->tag.empty()) out += ":" + name->tag;
  else if (name->digest.empty()) out += ":latest";
  return name->digest.empty() ? out : out + "@" + name->digest;
}

std::string pull_policy(const Container& container) {
  if (!container.imagePullPolicy.empty()) return container.imagePullPolicy;
  const auto name = parse(container.image);
  return name && name->digest.empty() && (name->tag.empty() || name->tag == "latest") ? "Always" : "IfNotPresent";
}

Credentials pull_credentials(const std::string& image, const std::vector<std::shared_ptr<const core_v1::Secret>>& secrets) {
  const auto name = parse(image);
  if (!name) return {};
  for (const auto& secret : secrets) {
    const bool config = secret->data.contains(".dockerconfigjson");
    const auto found = secret->data.find(config ? ".dockerconfigjson" : ".dockercfg");
    if (found == secret->data.end()) continue;
    boost::system::error_code failed;
    const auto document = boost::json::parse(found->second, failed);
    if (failed || !document.is_object()) continue;
    const auto* auths = config ? document.get_object().if_contains("auths") : &document;
    if (auths == nullptr || !auths->is_object()) continue;
    for (const auto& entry : auths->get_object())
      if (registry_host(entry.key()) == name->host && entry.value().is_object()) return to_credentials(entry.value().get_object());
  }
  return {};
}

ImageState ImagePuller::outcome_of(const std::string& backoff_key, Pull& pull) {
  const auto now = now_();
  ImageState state{ImageState::What::failed, {}, pull.error, 0, 0, false};
  if (pull.ended) {   // first look at a failed attempt
    pull.ended = false;
    backoff_.next(backoff_key, now);
    state.retry_ns = pull.ended_ns + backoff_.delay(backoff_key, now);
    return state;
  }
  state.what = ImageState::What::backing_off;
  state.retry_ns = pull.ended_ns + backoff_.delay(backoff_key, now);
  return state;
}

ImageState ImagePuller::ensure(const Key& pod, const std::string& uid, const std::string& image, const std::string& policy, const Credentials& credentials) {
  using What = ImageState::What;
  const std::string name = normalized_image(image);
  if (name.empty()) return {What::invalid, {}, "invalid reference format", 0, 0, false};
  const std::string key = uid + "_" + image;
  std::unique_lock lock(mutex_);
  auto& pull = pulls_[key];
  if (pull.running) {
    pull.waiting.insert(pod);
    return {What::pulling, {}, {}, 0, 0, false};
  }
  const bool pulled = pull.ended && pull.error.empty();
  if (pulled || policy != "Always") {
    lock.unlock();
    const auto found = cri_.image(name);
    if (!found) return {What::inspect_failed, {}, found.error().message, 0, 0, false};
    lock.lock();
    if (*found) {
      const auto took = std::exchange(pull.ended, false) ? pull.ended_ns - pull.begun_ns : 0;
      return {What::present, **found, {}, 0, took, false};
    }
    if (policy == "Never") return {What::never, {}, {}, 0, 0, false};
  }
  if (!pull.error.empty() && (pull.ended || backoff_.waiting(key, pull.ended_ns, now_()))) return outcome_of(key, pull);
  pull.running = true;
  pull.begun_ns = now_();
  pull.error.clear();
  pull.waiting = {pod};
  lock.unlock();
  cri_.pull(name, credentials, [this, key](const Error* error, const std::string&) { finished(key, error); });
  return {What::pulling, {}, {}, 0, 0, true};
}

void ImagePuller::finished(const std::string& key, const Error* error) {
  std::set<Key> waiting;
  {
    const std::lock_guard lock(mutex_);
    auto& pull = pulls_[key];
    pull.running = false;
    pull.ended = true;
    pull.ended_ns = now_();
    pull.error = error == nullptr ? std::string() : error->message.empty() ? error->reason : error->message;
    waiting.swap(pull.waiting);
  }
  for (const auto& pod : waiting) changed_(pod);
}

void ImagePuller::forget(const std::string& uid) {
  const std::lock_guard lock(mutex_);
  for (auto at = pulls_.lower_bound(uid + "_"); at != pulls_.end() && at->first.rfind(uid + "_", 0) == 0;)
    at = at->second.running ? std::next(at) : pulls_.erase(at);
  backoff_.forget_prefix(uid + "_");
}

}  // namespace keelson::node
