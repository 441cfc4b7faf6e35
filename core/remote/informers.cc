#include "core/remote/informers.hpp"

#include <boost/json.hpp>

#include <charconv>

#include "core/auth/json_access.hpp"
#include "core/base/json_value.hpp"
#include "core/base/log.hpp"

namespace keelson::remote {

namespace json = boost::json;

namespace {

store::Revision number(std::string_view text) {
  store::Revision revision = 0;
  std::from_chars(text.data(), text.data() + text.size(), revision);
  return revision;
}

constexpr int kGone = 410;

}  // namespace

std::string escaped(std::string_view text) {
  constexpr std::string_view kPlain = "-._~:";
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || kPlain.find(c) != std::string_view::npos) out += c;
    else out.append({'%', kHex[byte >> 4], kHex[byte & 15]});
  }
  return out;
}

std::string path_of(const kinds::Kind& kind, const std::string& ns, const std::string& name, const std::string& subresource) {
  auto path = kind.group.empty() ? "/api/" + kind.version : "/apis/" + kind.group + "/" + kind.version;
  if (kind.namespaced && !ns.empty()) path += "/namespaces/" + escaped(ns);
  path += "/" + kind.resource;
  if (!name.empty()) path += "/" + escaped(name);
  if (!subresource.empty()) path += "/" + subresource;
  return path;
}

bool Informers::covered(store::Atom resource) const {
  const std::lock_guard lock(mutex_);
  return covered_.contains(resource);
}

void Informers::cover(const kinds::KindRef& kind, std::function<void(base::Outcome<void>)> done) {
  if (covered(kind->storage_key)) return done({});
  if (ended_.load()) return done(base::unavailable("the host is stopping"));
  client_.post([this, kind, done = std::move(done)]() mutable {
    auto [at, fresh] = informers_.try_emplace(kind->storage_key);
    auto& informer = at->second;
    if (informer.covered) return done({});
    informer.waiting.push_back(std::move(done));
    if (!fresh) return;
    informer.kind = kind;
    mirror_.passed(kind->storage_key, 0);   // from now on it takes our own writes in
    list(informer, {});
  });
}

void Informers::end() {
  ended_.store(true);
  const std::lock_guard lock(door_->mutex);
  door_->open = false;
}

void Informers::answer(Informer& informer, const base::Outcome<void>& how) {
  auto waiting = std::move(informer.waiting);
  informer.waiting.clear();
  for (auto& done : waiting) done(how);
}

void Informers::fail(Informer& informer, const base::Error& error) {
  if (!ended_.load()) base::log_warn("remote", "not up to date", {{"resource", std::string(informer.kind->storage_key.text())}, {"why", error.message}});
  answer(informer, error);
}

void Informers::later(Informer& informer, void (Informers::*step)(Informer&)) {
  if (ended_.load()) return;
  const auto jitter = static_cast<std::int64_t>(runtime_.random_u64() % static_cast<std::uint64_t>(informer.pause_ms / 2 + 1));
  runtime_.schedule_at(runtime_.in_ms(informer.pause_ms + jitter), [this, &informer, step, door = door_] {
    const std::lock_guard lock(door->mutex);
    if (door->open) client_.post([this, &informer, step] { (this->*step)(informer); });
  });
  informer.pause_ms = std::min(informer.pause_ms * 2, kPauseMax_ms);
}

// --- list ----------------------------------------------------------------------------------------------------------

void Informers::list(Informer& informer, const std::string& page_token) {
  if (ended_.load()) return answer(informer, base::unavailable("the host is stopping"));
  if (page_token.empty()) informer.listed.clear();
  Request request;
  request.target = path_of(*informer.kind, {}, {}, {}) + "?limit=" + std::to_string(kListPage);
  if (!page_token.empty()) request.target += "&continue=" + escaped(page_token);
  client_.send(std::move(request), [this, &informer](base::Outcome<Answer> answered) { take_page(informer, body_of(std::move(answered))); });
}

void Informers::take_page(Informer& informer, base::Outcome<std::string> body) {
  boost::system::error_code failed;
  auto page = body ? base::json_of(*body, failed) : json::value();
  if (body && (failed || !page.is_object())) body = base::internal("the list is no JSON");
  if (!body) {
    fail(informer, body.error());
    return later(informer, &Informers::list_again);
  }
  if (auto* items = auth::find(page, {"items"}); items != nullptr && items->is_array())
    for (auto& item : items->get_array())
      if (auto object = object_from(*informer.kind, std::move(item))) informer.listed.push_back(std::move(*object));
  const std::string next(auth::text_at(page, {"metadata", "continue"}));
  if (!next.empty()) return list(informer, next);
  informer.resource_version = auth::text_at(page, {"metadata", "resourceVersion"});
  const auto resource = informer.kind->storage_key;
  mirror_.replace(resource, std::exchange(informer.listed, {}), number(informer.resource_version));
  informer.covered = true;
  informer.pause_ms = kPauseFirst_ms;
  {
    const std::lock_guard lock(mutex_);
    covered_.insert(resource);
  }
  answer(informer, {});
  watch(informer);
}

// --- watch ---------------------------------------------------------------------------------------------------------

void Informers::watch(Informer& informer) {
  if (ended_.load()) return;
  informer.began = runtime_.monotonic_ns();
  informer.expired = false;
  constexpr std::int64_t kGrace_s = 30;
  Request request;
  const auto seconds = kWatchSeconds + static_cast<std::int64_t>(runtime_.random_u64() % static_cast<std::uint64_t>(kWatchSeconds));
  request.target = path_of(*informer.kind, {}, {}, {}) + "?watch=1&allowWatchBookmarks=true&timeoutSeconds=" + std::to_string(seconds) +
                   "&resourceVersion=" + escaped(informer.resource_version);
  request.deadline_ms = (seconds + kGrace_s) * 1000;
  client_.follow(std::move(request), [this, &informer](std::string_view line) { return take_event(informer, line); },
                 [this, &informer](base::Outcome<Answer> ended) { watch_ended(informer, body_of(std::move(ended))); });
}

bool Informers::take_event(Informer& informer, std::string_view line) {
  boost::system::error_code failed;
  auto event = base::json_of(line, failed);
  auto* body = failed ? nullptr : auth::find(event, {"object"});
  if (ended_.load() || body == nullptr) return false;
  const std::string type(auth::text_at(event, {"type"}));
  if (type == "ERROR") {
    informer.expired = auth::integer_at(*body, {"code"}) == kGone;
    return false;
  }
  std::string version(auth::text_at(*body, {"metadata", "resourceVersion"}));
  if (type == "BOOKMARK") {
    mirror_.passed(informer.kind->storage_key, number(version));
  } else {
    auto object = object_from(*informer.kind, std::move(*body));
    if (!object) return false;
    if (type == "DELETED") mirror_.show_deleted(*object);
    else mirror_.show(std::move(*object));
  }
  if (!version.empty()) informer.resource_version = std::move(version);
  return true;
}

// A watch that lasted is resumed at once; one that the server cuts short again and again is not.
void Informers::watch_ended(Informer& informer, base::Outcome<std::string> how) {
  if (ended_.load()) return;
  if (informer.expired || (!how && how.error().code == kGone)) {
    informer.expired = false;
    return later(informer, &Informers::list_again);
  }
  if (!how) {
    base::log_info("remote", "watch ended", {{"resource", std::string(informer.kind->storage_key.text())}, {"why", how.error().message}});
    return later(informer, &Informers::watch);
  }
  constexpr std::int64_t kLasted_ms = 1'000;
  if (runtime_.monotonic_ns() - informer.began < kLasted_ms * base::kNanosPerMs) return later(informer, &Informers::watch);
  informer.pause_ms = kPauseFirst_ms;
  watch(informer);
}

}  // namespace keelson::remote
