#include <keelson/state.hpp>

#include <algorithm>
#include <array>

namespace keelson {

using detail::Collect;

namespace {

constexpr std::array<std::pair<std::string_view, std::uint32_t>, 7> kOperations{{{"create", KEELSON_CREATE}, {"update", KEELSON_UPDATE},
    {"merge_patch", KEELSON_MERGE_PATCH}, {"json_patch", KEELSON_JSON_PATCH}, {"strategic_patch", KEELSON_STRATEGIC_PATCH},
    {"apply", KEELSON_APPLY}, {"remove", KEELSON_REMOVE}}};

keelson_write write_of(std::uint32_t op, const Gvk& gvk, const Key& key, std::string_view subresource, std::string_view body, std::string_view options) {
  return {sizeof(keelson_write), op, detail::kind_of(gvk), detail::abi_key(key), bytes_of(subresource), bytes_of(body), bytes_of(options)};
}

struct Answer {
  keelson_status status = 0;
  ObjectHandle object;
  std::string text;
};

Answer write(const HostCall& call, const keelson_write& request) {
  Collect out;
  keelson_object stored = nullptr;
  Answer answer;
  answer.status = call.table->write(call.host, call.call, &request, &stored, out.sink());
  answer.object = ObjectHandle::adopt(call.table, call.host, stored);
  answer.text = std::move(out.text);
  return answer;
}

/// A write whose stored object nobody will look at; in some hosts it is only noted here.
Outcome<ObjectHandle> write_last(const HostCall& call, const keelson_write& request) {
  Collect error;
  const auto status = call.table->submit(call.host, call.call, &request, 0, error.sink());
  if (status != 0) return error_from_status(status, error.text);
  return ObjectHandle();
}

Outcome<ObjectHandle> write_patch(const HostCall& call, const Gvk& gvk, const Key& key, std::string_view subresource, std::string_view patch, bool last) {
  constexpr std::uint32_t kLastMinor = 2;   // of hosts that know of last writes
  const auto request = write_of(KEELSON_MERGE_PATCH, gvk, key, subresource, patch, {});
  if (last && call.table->minor >= kLastMinor) return write_last(call, request);
  auto answer = write(call, request);
  if (answer.status != 0) return error_from_status(answer.status, answer.text);
  return std::move(answer.object);
}

}  // namespace

void detail::settle(const HostCall& call) {
  if (call.scope == nullptr || !call.scope->waiting) return;
  const auto waiting = call.scope->waiting;
  (void)waiting->answer();
}

Result detail::finish(const HostCall& call, Result result) {
  if (!result.rests_on(call.scope->waiting.get())) {
    settle(call);
    return result;
  }
  const auto waiting = call.scope->waiting;
  return waiting->answer(true);
}

const Outcome<ObjectHandle>& detail::Waiting::answer(bool last) {
  if (answer_) return *answer_;
  if (call_.scope != nullptr) call_.scope->waiting.reset();   // what it does itself need not wait for it
  answer_ = write_(last);
  write_ = nullptr;
  return *answer_;
}

std::uint32_t detail::operation_number(std::string_view name) {
  for (const auto& [text, number] : kOperations)
    if (text == name) return number;
  return 0;   // the host refuses it
}

void Transaction::add(std::string_view op, const Gvk& gvk, const Key& key, std::string_view subresource, std::string_view body, std::string_view options) {
  steps_.push_back({std::string(op), std::string(gvk.group), std::string(gvk.version), std::string(gvk.resource), key, std::string(subresource), std::string(body), std::string(options)});
}

void Transaction::append_to(std::vector<keelson_write>& writes) const {
  writes.reserve(writes.size() + steps_.size());
  for (const auto& s : steps_) writes.push_back(write_of(detail::operation_number(s.op), {s.group, s.version, {}, s.resource}, s.key, s.subresource, s.body, s.options));
}

Outcome<void> Context::commit(const Transaction& transaction) {
  if (transaction.empty()) return {};
  detail::settle(call_);
  std::vector<keelson_write> writes;
  transaction.append_to(writes);
  Collect error;
  const auto status = call_.table->transact(call_.host, call_.call, writes.data(), writes.size(), error.sink());
  if (status != 0) return error_from_status(status, error.text);
  return {};
}

std::vector<Outcome<void>> Context::commit_each(const std::vector<Transaction>& transactions) {
  std::vector<Outcome<void>> answers(transactions.size());
  constexpr std::uint32_t kEachMinor = 4;   // of hosts that take several
  const auto* table = call_.table;
  if (transactions.size() == 1 || table->minor < kEachMinor || table->transact_each == nullptr) {
    std::transform(transactions.begin(), transactions.end(), answers.begin(), [&](const Transaction& transaction) { return commit(transaction); });
    return answers;
  }
  detail::settle(call_);
  std::vector<keelson_write> writes;
  std::vector<std::size_t> counts;
  for (const auto& transaction : transactions) {
    const auto before = writes.size();
    transaction.append_to(writes);
    counts.push_back(writes.size() - before);
  }
  std::vector<Collect> errors(counts.size());
  std::vector<keelson_sink> sinks;
  for (auto& one : errors) sinks.push_back(one.sink());
  Collect error;
  const auto status = table->transact_each(call_.host, call_.call, writes.data(), counts.data(), counts.size(), sinks.data(), error.sink());
  for (std::size_t i = 0; i < errors.size(); ++i)
    if (const auto& text = status != 0 ? error.text : errors[i].text; status != 0 || !text.empty()) answers[i] = error_from_status(status, text);
  return answers;
}

Outcome<ObjectHandle> Context::get_raw(const Gvk& gvk, const Key& key) {
  detail::settle(call_);
  Collect error;
  keelson_object found = nullptr;
  const auto kind = detail::kind_of(gvk);
  const auto wanted = detail::abi_key(key);
  const auto status = call_.table->get(call_.host, call_.call, &kind, &wanted, &found, error.sink());
  if (status != 0) return error_from_status(status, error.text);
  return ObjectHandle::adopt(call_.table, call_.host, found);
}

ObjectHandle Context::find_raw(const Gvk& gvk, const Key& key) {
  auto found = get_raw(gvk, key);
  if (found) return std::move(*found);
  if (found.error().code == 404) return {};
  throw HostFailure(found.error());
}

void Context::each_raw(const Gvk& gvk, const Query& query, void (*put)(void*, ObjectHandle), void* to) {
  detail::settle(call_);
  struct Receiver { const HostCall* call; void (*put)(void*, ObjectHandle); void* to; } receiver{&call_, put, to};
  const keelson_object_sink sink{&receiver, [](void* self, keelson_object object) {
    auto& r = *static_cast<Receiver*>(self);
    r.put(r.to, ObjectHandle::adopt(r.call->table, r.call->host, object));
  }};
  Collect error;
  const auto kind = detail::kind_of(gvk);
  const keelson_query narrowed{sizeof(keelson_query), 0, bytes_of(query.ns), bytes_of(query.labels), bytes_of(query.fields), bytes_of(query.owner_uid)};
  const auto status = call_.table->list(call_.host, call_.call, &kind, &narrowed, sink, error.sink());
  if (status != 0) throw HostFailure(error_from_status(status, error.text));
}

Outcome<std::vector<ObjectHandle>> Context::list_raw(const Gvk& gvk, const Query& query) {
  std::vector<ObjectHandle> all;
  try {
    each_raw(gvk, query, [](void* to, ObjectHandle object) { static_cast<std::vector<ObjectHandle>*>(to)->push_back(std::move(object)); }, &all);
  } catch (const HostFailure& failure) {
    return failure.error;
  }
  return all;
}

Outcome<ObjectHandle> Context::write_object(std::uint32_t op, const Gvk& gvk, const Key& key, std::string_view subresource, std::string_view body, std::string_view options) {
  detail::settle(call_);
  auto answer = write(call_, write_of(op, gvk, key, subresource, body, options));
  if (answer.status != 0) return error_from_status(answer.status, answer.text);
  return std::move(answer.object);
}

Outcome<std::string> Context::write_raw(std::string_view op, const Gvk& gvk, const Key& key, std::string_view subresource, std::string_view body_json, std::string_view options_json) {
  detail::settle(call_);
  auto answer = write(call_, write_of(detail::operation_number(op), gvk, key, subresource, body_json, options_json));
  if (answer.status != 0) return error_from_status(answer.status, answer.text);
  return answer.object ? std::string(answer.object.body()) : std::move(answer.text);
}

Outcome<ObjectHandle> Context::create_json(const Gvk& gvk, std::string body) {
  body = detail::owned_body(call_.scope, gvk, std::move(body));
  return write_object(KEELSON_CREATE, gvk, detail::key_of(body), {}, body, {});
}

Outcome<ObjectHandle> Context::apply_json(const Gvk& gvk, std::string body) {
  body = detail::owned_body(call_.scope, gvk, std::move(body));
  return write_object(KEELSON_APPLY, gvk, detail::key_of(body), {}, body, R"({"force":true})");
}

// Outside of a reconcile nobody knows when the call ends, so nothing waits.
Context::WaitingRef Context::later(detail::Waiting::Write write) {
  detail::settle(call_);
  auto waiting = std::make_shared<detail::Waiting>(call_, std::move(write));
  if (call_.scope != nullptr) call_.scope->waiting = waiting;
  else (void)waiting->answer();
  return waiting;
}

Context::WaitingRef Context::patch_json(const Gvk& gvk, const Key& key, std::string_view subresource, std::string patch) {
  return later([call = call_, gvk, key, subresource = std::string(subresource), patch = std::move(patch)](bool last) { return write_patch(call, gvk, key, subresource, patch, last); });
}

Outcome<Context::WaitingRef> Context::set_status_json(const Gvk& gvk, detail::StatusChange change) {
  const bool reconciled = call_.scope != nullptr && call_.scope->object && call_.scope->controller->kind.is(gvk) && call_.scope->object.key() == change.key &&
                          change.revision == std::to_string(call_.scope->object.revision());
  const Outcome<ObjectHandle> stored = reconciled ? call_.scope->object : get_raw(gvk, change.key);
  if (!stored) return stored.error();
  auto patch = detail::status_modification(stored->body(), change);
  if (patch.empty()) return WaitingRef();
  return later([self = *this, gvk, change = std::move(change), patch = std::move(patch)](bool last) mutable -> Outcome<ObjectHandle> {
    for (int tries = 1;; ++tries) {
      auto written = write_patch(self.call_, gvk, change.key, "status", patch, last);
      if (written || !is_conflict(written.error()) || tries == kStatusConflictTries) return written;
      const auto now = self.get_raw(gvk, change.key);
      if (!now) return now.error();
      patch = detail::status_modification(now->body(), change);
      if (patch.empty()) return *now;
    }
  });
}

Outcome<std::string> Context::post(const Gvk& gvk, const Key& key, std::string_view subresource, std::string_view body_json) {
  return write_raw("create", gvk, key, subresource, body_json);
}

void Context::submit(std::uint32_t op, const Gvk& gvk, const Key& key, std::string_view subresource, std::string_view body, std::function<void(const Error*)> completed) {
  detail::settle(call_);
  const auto token = call_.plugin->expect_completion(std::move(completed));
  const auto request = write_of(op, gvk, key, subresource, body, {});
  Collect error;
  const auto status = call_.table->submit(call_.host, call_.call, &request, token, error.sink());
  if (status != 0) detail::completion(call_.plugin, token, status, bytes_of(error.text));
}

void Context::submit_post(const Gvk& gvk, const Key& key, std::string_view subresource, std::string_view body_json, std::function<void(const Error*)> completed) {
  submit(KEELSON_CREATE, gvk, key, subresource, body_json, std::move(completed));
}

void Context::submit_create(const Gvk& gvk, const Key& key, std::string_view body_json, std::function<void(const Error*)> completed) {
  submit(KEELSON_CREATE, gvk, key, {}, body_json, std::move(completed));
}

void Context::submit_patch(const Gvk& gvk, const Key& key, std::string_view subresource, std::string_view merge_patch_json, std::function<void(const Error*)> completed) {
  submit(KEELSON_MERGE_PATCH, gvk, key, subresource, merge_patch_json, std::move(completed));
}

void Context::submit_patches(const Gvk& gvk, std::string_view subresource, std::vector<Submitted> patches) { submit_each(KEELSON_MERGE_PATCH, gvk, subresource, std::move(patches)); }
void Context::submit_posts(const Gvk& gvk, std::string_view subresource, std::vector<Submitted> posts) { submit_each(KEELSON_CREATE, gvk, subresource, std::move(posts)); }

void Context::submit_each(std::uint32_t op, const Gvk& gvk, std::string_view subresource, std::vector<Submitted> all) {
  constexpr std::uint32_t kEachMinor = 4;   // of hosts that take several
  if (call_.table->minor < kEachMinor) {
    for (auto& one : all) submit(op, gvk, one.key, subresource, one.body_json, std::move(one.completed));
    return;
  }
  detail::settle(call_);
  std::vector<keelson_write> writes;
  std::vector<std::function<void(const Error*)>> completed;
  writes.reserve(all.size());
  completed.reserve(all.size());
  for (auto& one : all) {
    writes.push_back(write_of(op, gvk, one.key, subresource, one.body_json, {}));
    completed.push_back(std::move(one.completed));
  }
  const auto first = call_.plugin->expect_completions(std::move(completed));
  Collect error;
  const auto status = call_.table->submit_each(call_.host, call_.call, writes.data(), writes.size(), first, error.sink());
  for (std::size_t i = 0; status != 0 && i < writes.size(); ++i) detail::completion(call_.plugin, first + i, status, bytes_of(error.text));
}

std::vector<KindInfo> Context::kinds() {
  Collect out;
  const auto status = call_.table->kinds(call_.host, call_.call, out.sink());
  if (status != 0) throw HostFailure(error_from_status(status, out.text));
  return detail::parse_kinds(out.text);
}

Outcome<std::string> Context::pass_on(std::string_view method, std::string_view path, std::string_view body_json) {
  constexpr std::uint32_t kPassOnMinor = 3;
  if (call_.table->minor < kPassOnMinor) return Error{404, "NotFound", "this host knows no other servers", {}};
  detail::settle(call_);
  Collect out;
  const auto status = call_.table->pass_on(call_.host, call_.call, bytes_of(method), bytes_of(path), bytes_of(body_json), out.sink());
  if (status != 0) return error_from_status(status, out.text);
  return std::move(out.text);
}

void Context::record_event(std::string_view reference_json, EventType type, std::string_view reason, std::string_view note, std::string_view component) {
  call_.table->event(call_.host, call_.call, bytes_of(reference_json), type == Warning ? 1 : 0, bytes_of(reason), bytes_of(note), bytes_of(component));
}

std::chrono::sys_seconds Context::now() const {
  return std::chrono::sys_seconds(std::chrono::duration_cast<std::chrono::seconds>(std::chrono::nanoseconds(unix_ns())));
}
std::int64_t Context::unix_ns() const { return call_.table->unix_ns(call_.host); }
std::int64_t Context::monotonic_ns() const { return call_.table->monotonic_ns(call_.host); }
std::uint64_t Context::random() { return call_.table->random_u64(call_.host); }
bool Context::cancelled() const { return call_.table->cancelled(call_.host, call_.call) != 0; }
bool Context::sleep(std::chrono::nanoseconds duration) {
  detail::settle(call_);
  return call_.table->sleep(call_.host, call_.call, duration.count()) != 0;
}

void Context::log(std::string_view level, std::string_view message) {
  const auto number = level == "debug" ? KEELSON_LOG_DEBUG : level == "warn" ? KEELSON_LOG_WARN : level == "error" ? KEELSON_LOG_ERROR : KEELSON_LOG_INFO;
  call_.table->log(call_.host, call_.call, number, bytes_of(message));
}

}  // namespace keelson
