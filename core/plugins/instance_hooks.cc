// Hooks of a plugin in the core: how it is asked, at once or on its workers.
#include "core/plugins/instance.hpp"

namespace keelson::plugins {
namespace {

std::optional<auth::AddedWrite::Op> operation(std::uint32_t op) {
  using Op = auth::AddedWrite::Op;
  switch (op) {
    case KEELSON_CREATE: return Op::create;
    case KEELSON_UPDATE: return Op::update;
    case KEELSON_MERGE_PATCH: return Op::merge_patch;
    case KEELSON_JSON_PATCH: return Op::json_patch;
    case KEELSON_STRATEGIC_PATCH: return Op::strategic_patch;
    case KEELSON_APPLY: return Op::apply;
    case KEELSON_REMOVE: return Op::remove;
    default: return std::nullopt;
  }
}

/// What the functions of a keelson_hook_answer write to.
struct Receiver {
  const kinds::Registry& registry;
  const auth::Identity& user;
  HookAnswer answer;

  void add(const keelson_write& write) {
    auth::AddedWrite added;
    const auto op = operation(write.op);
    added.kind = registry.current()->find(text_of(write.kind.group), text_of(write.kind.version), text_of(write.kind.resource));
    if (!op || !added.kind) answer = HookAnswer::failed(base::bad_request("a hook added a write of a kind or operation that there is not"));
    if (answer.status != 0) return;
    added.op = *op;
    added.ns = text_of(write.key.ns);
    added.name = text_of(write.key.name);
    added.subresource = text_of(write.subresource);
    added.body = text_of(write.body);
    added.user = user;
    answer.writes.push_back(std::move(added));
  }
};

HookAnswer& answer_at(void* to) { return static_cast<Receiver*>(to)->answer; }

keelson_hook_answer answer_table(Receiver& receiver) {
  keelson_hook_answer table{};
  table.size = sizeof table;
  table.to = &receiver;
  table.text = [](void* to, keelson_bytes text) { answer_at(to).text = text_of(text); };
  table.body = [](void* to, keelson_bytes body) { answer_at(to).body = text_of(body); };
  table.warn = [](void* to, keelson_bytes warning) { answer_at(to).warnings.emplace_back(text_of(warning)); };
  table.write = [](void* to, const keelson_write* write) { static_cast<Receiver*>(to)->add(*write); };
  return table;
}

/// A question that its worker may still read when nobody waits for the answer any more.
struct Later {
  HookQuestion question;
  std::function<void(HookAnswer)> done;
  std::atomic<bool> answered{false};
  base::TimerId timer = 0;
  std::mutex mutex;                              // guards call
  std::shared_ptr<Call> call;

  void answer(HookAnswer with) {
    if (!answered.exchange(true)) done(std::move(with));
  }
  void give_up(const std::string& plugin, const HookDeclaration& hook) {
    {
      const std::lock_guard lock(mutex);
      if (call) call->cancel();
    }
    answer(HookAnswer::failed(base::internal("failed calling hook \"" + hook.name + "\" of plugin " + plugin + ": it did not answer within " + std::to_string(hook.deadline_ms) + " ms")));
  }
};

}  // namespace

bool Instance::answers_hooks() const { return synced_.load() && !paused_.load() && !stopping_.load(); }

HookAnswer Instance::stopping_answer() const { return HookAnswer::failed(base::unavailable("plugin " + name_ + " is stopping")); }

HookAnswer Instance::answer_hook(const HookDeclaration& hook, const HookQuestion& question) {
  const auto call = begin_hook(hook, core_.runtime.in_ms(hook.deadline_ms));
  if (!call) return stopping_answer();
  return run_hook(hook, question, call);
}

std::shared_ptr<Call> Instance::begin_hook(const HookDeclaration& hook, base::Monotonic deadline) {
  auto call = calls_.begin("hook " + hook.name, deadline);
  if (!call) return nullptr;
  call->hook = std::make_unique<HookScope>();
  call->hook->may_wait = !hook.is_inline;
  call->hook->may_write = !hook.is_inline && !is_admission(hook.point);
  return call;
}

HookAnswer Instance::run_hook(const HookDeclaration& hook, const HookQuestion& question, const std::shared_ptr<Call>& call) {
  const CallScope scope(calls_, call);
  std::vector<keelson_bytes> fields;
  std::vector<keelson_object> objects;
  for (const auto& field : question.fields) fields.push_back(bytes_of(field));
  for (const auto& object : question.objects) objects.push_back(handle_of(object.get()));
  const keelson_hook_request request{sizeof request, static_cast<std::uint32_t>(fields.size()), bytes_of(question.point), fields.data(), objects.data(), objects.size()};
  Receiver receiver{core_.registry, identity_, {}};
  auto table = answer_table(receiver);
  std::string error;
  const auto status = guarded_call(name_, error, [&] { return library_->table().hook(self_, call->id, hook.index, &request, &table, sink_to(error)); });
  auto& answer = receiver.answer;
  if (status != 0) {
    errors_.fetch_add(1);
    answer.status = status;
    answer.error_json = std::move(error);
    log(base::LogLevel::warn, "hook " + hook.name + ": " + message_of(answer.error_json));
    return std::move(answer);
  }
  answer.decision = table.decision;
  answer.number = table.number;
  answer.independent = table.independent;
  if (!error.empty()) answer.error_json = std::move(error);
  const std::lock_guard lock(call->hook->mutex);
  answer.reads = std::move(call->hook->reads);
  return std::move(answer);
}

void Instance::answer_hook_later(const HookDeclaration& hook, HookQuestion question, std::function<void(HookAnswer)> done) {
  const auto later = std::make_shared<Later>();
  later->question = std::move(question);
  later->done = std::move(done);
  const auto deadline = core_.runtime.in_ms(hook.deadline_ms);
  later->timer = core_.runtime.schedule_at(deadline, [later, plugin = name_, hook] { later->give_up(plugin, hook); });
  const auto taken = hook_workers_.submit([this, later, hook, deadline] {
    if (later->answered.load()) return;
    auto answer = stopping_answer();
    if (const auto call = begin_hook(hook, deadline)) {
      {
        const std::lock_guard lock(later->mutex);
        later->call = call;
      }
      answer = run_hook(hook, later->question, call);
    }
    core_.runtime.cancel(later->timer);
    if (core_.runtime.monotonic_ns() >= deadline) later->give_up(name_, hook);   // who comes with the deadline is late
    else later->answer(std::move(answer));
  });
  if (taken == HookWorkers::Taken::yes) return;
  core_.runtime.cancel(later->timer);
  // Who may wait for the next file asks that, but only when told that this one is going.
  later->answer(taken == HookWorkers::Taken::stopped ? stopping_answer() : HookAnswer::failed(base::too_many_requests("too many questions wait for plugin " + name_, 1)));
}

void Instance::hook_changed(std::uint32_t hook) {
  if (const auto found = core_.hooks.find(name_, hook)) found->changed();
}

}  // namespace keelson::plugins
