#include "core/plugins/instance.hpp"

#include <algorithm>
#include <cstddef>

#include "core/plugins/events.hpp"
#include "core/plugins/rights.hpp"
#include "core/plugins/saved_kinds.hpp"

namespace keelson::plugins {

namespace {

Core on(const Core& core, base::Runtime& runtime) {
  return {core.store, core.verbs, core.registry, core.chains, runtime, core.metrics, core.feed, core.events, core.hooks, core.elsewhere, core.pass_on};
}

}  // namespace

Instance::Instance(Core core, std::unique_ptr<Library> library, Settings settings, std::function<void()> changed)
    : metered_(core.runtime), core_(on(core, metered_)), library_(std::move(library)), name_(library_->table().name), identity_(auth::plugin_identity(name_)), settings_(std::move(settings)),
      changed_(std::move(changed)), calls_(metered_), hook_workers_(metered_, name_.substr(0, 15)), inbox_(std::make_shared<Inbox>(core.runtime.waiter())), paused_(settings_.paused), log_level_(settings_.log_level),
      start_waiter_(core.runtime.waiter()) {}

Instance::~Instance() = default;

std::optional<Refusal> Instance::start() {
  thread_ = core_.runtime.spawn(name_.substr(0, 15), [this] { events(); }, kEventThreadStackBytes);
  const auto deadline = core_.runtime.in_ms(kStartDeadline_ms);
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (started_) break;
    }
    if (!start_waiter_->wait_until(deadline)) return Refusal{"StartFailed", name_ + " did not return from its start within " + std::to_string(kStartDeadline_ms / 1000) + " s"};
  }
  const std::lock_guard lock(mutex_);
  return refusal_;
}

std::optional<Refusal> Instance::begin() {
  std::string answer;
  const auto status = guarded_call(name_, answer, [&] { return library_->start(*this, sink_to(answer), &self_); });
  if (status != 0) return Refusal{"StartFailed", message_of(answer)};
  auto declaration = parse_declaration(answer);
  if (!declaration) return Refusal{"StartFailed", declaration.error().message};
  declaration_ = std::move(*declaration);
  if (auto refusal = missing_capabilities()) return refusal;
  if (!declaration_.hooks.empty() && (library_->table().minor < 1 || library_->table().size < offsetof(keelson_plugin_v1, hook) + sizeof(void*) || library_->table().hook == nullptr))
    return Refusal{"StartFailed", name_ + " declares hooks but has no function to answer them"};
  if (auto refusal = install_kinds()) return refusal;
  if (library_->in_core()) mapped_bytes_ = mapped_bytes(library_->sha256() + ".so");
  identity_.rights = std::make_shared<const auth::Rules>(rights_of(declaration_, kinds_));
  if (core_.elsewhere != nullptr)
    if (auto refusal = core_.elsewhere->prepare(declaration_)) return refusal;
  make_controllers();
  return std::nullopt;
}

std::optional<Refusal> Instance::missing_capabilities() const {
  std::string missing;
  if (core_.elsewhere == nullptr) missing = capabilities_missing(declaration_, !library_->in_core());
  else {
    for (const auto& need : capabilities_needed(declaration_))
      if (!core_.elsewhere->offers(need)) missing += (missing.empty() ? "" : ", ") + need;
    if (!missing.empty()) missing += ", which " + core_.elsewhere->name() + " has not";
  }
  if (missing.empty()) return std::nullopt;
  return Refusal{"CapabilityMissing", name_ + " needs " + missing};
}

std::optional<Refusal> Instance::install_kinds() {
  for (const auto& crd : declaration_.kinds) {
    const auto installed = install_declared(core_.registry, name_, crd, true);
    if (!installed) return Refusal{installed.error().code == 409 ? "KindTaken" : "BadKind", name_ + ": " + installed.error().message};
    kinds_.insert(kinds_.end(), installed->begin(), installed->end());
  }
  return std::nullopt;
}

void Instance::make_controllers() {
  std::uint32_t index = 0;
  for (const auto& declared : declaration_.controllers) {
    Controller::Hooks hooks;
    hooks.find = [this, resource = declared.resource](const std::string& key) { return find_object(resource, key); };
    hooks.run = [this, index](const std::string& key, const Call& call, const store::ObjectRef& object) { return reconcile(index, key, call, object); };
    if (library_->batch_max() > 1) {
      hooks.run_all = [this, index](std::span<KeyJob> jobs, const std::function<void(KeyJob&)>& done) { reconcile_all(index, jobs, done); };
      hooks.give_back = [this] { library_->give_back(); };
    }
    hooks.wanted = [this] {
      spawn_wanted_.store(true);
      inbox_->waiter().notify();
    };
    hooks.ended = [this](keelson_status status, const std::string& key, const std::string& error_json) {
      if (status != 0) note_failure(status, key, error_json);
      changed_();
    };
    controllers_.push_back(std::make_unique<Controller>(core_.runtime, core_.metrics, calls_, declared, std::move(hooks)));
    if (settings_.workers > 0) controllers_.back()->set_workers(settings_.workers);
    if (settings_.paused) controllers_.back()->set_paused(true);
    at_once_.emplace_back();
    for (const auto& source : declared.sources) {
      at_once_.back().push_back(at_once(source.resource, source));
      want_source(*controllers_.back(), source);
    }
    ++index;
  }
  for (const auto& observer : declaration_.observers) {
    if (!observer.all) inbox_->want(observer.resource);
    else if (observer.deletions) inbox_->want_deletions();
    else if (observer.linked) inbox_->want_if([observer](const store::Change& change) { return observer.shows(change); });
    else inbox_->want_all();
  }
}

// A change that only names its own key is queued by whoever delivers it.
void Instance::want_source(Controller& controller, const SourceDeclaration& source) {
  if (!at_once(source.resource, source)) return inbox_->want(source.resource, source.name);
  inbox_->want_at_once(source.resource, [&controller](const store::Change& change) { controller.add(queue_key(change.object->key().ns, change.object->key().name)); });
}

store::ObjectRef Instance::find_object(base::Atom resource, const std::string& key) {
  auto [ns, name] = split_key(key);
  return core_.store.snapshot().get({resource, std::move(ns), std::move(name)});
}

// What is stored in another version or by an older schema is read through verbs; all else as it is.
base::Outcome<store::ObjectRef> Instance::as_declared(const KindId& wanted, store::ObjectRef object) {
  const auto catalog = core_.registry.current();
  auto kind = catalog->find(wanted.group, wanted.version, wanted.resource);
  if (!kind) kind = catalog->by_storage_key(wanted.storage_key());
  if (!object || !kind || object->columns().schema_epoch == kind->schema_epoch) return object;
  const verbs::Target target{kind, object->key().ns, object->key().name, ""};
  auto found = await<base::Outcome<store::ObjectRef>>(core_.runtime, [&](auto done) { core_.verbs.get(verbs_context(0), target, {}, std::move(done)); });
  if (!found && found.error().code == 404) return store::ObjectRef();
  return found;
}

bool Instance::show(std::uint32_t controller, const store::ObjectRef& object, store::ObjectRef& shown, Reconciled& result) {
  const auto& kind = controllers_[controller]->declaration().kind;
  if (!kind) return true;
  auto declared = as_declared(*kind, object);
  if (declared) shown = std::move(*declared);
  else result.status = declared.error().code, result.error_json = base::to_status_json(declared.error());
  return declared.has_value();
}

keelson_key key_of(std::string_view text) {
  const auto slash = text.find('/');
  return {bytes_of(slash == text.npos ? std::string_view() : text.substr(0, slash)), bytes_of(text.substr(slash + 1))};   // npos + 1: all of it
}

Reconciled Instance::reconcile(std::uint32_t controller, const std::string& key, const Call& call, const store::ObjectRef& object) {
  Reconciled result;
  result.next.size = sizeof(keelson_next);
  changed_();   // so that the host looks whether it comes back
  const auto wanted = key_of(key);
  store::ObjectRef shown;
  if (!show(controller, object, shown, result)) return result;
  result.status = guarded_call(name_, result.error_json, [&] {
    return library_->table().reconcile(self_, call.id, controller, &wanted, handle_of(shown.get()), &result.next, sink_to(result.error_json));
  });
  result.ended = core_.runtime.monotonic_ns();
  return result;
}

void Instance::reconcile_all(std::uint32_t controller, std::span<KeyJob> jobs, const std::function<void(KeyJob&)>& done) {
  changed_();
  std::vector<Batched> all;
  all.reserve(jobs.size());
  for (auto& job : jobs) {
    job.result.next.size = sizeof(keelson_next);
    Batched one{&job, key_of(*job.taken), {}};
    if (show(controller, job.object, one.shown, job.result)) all.push_back(std::move(one));
    else done(job);
  }
  const auto end = [&](Batched& one) {
    auto& job = *std::exchange(one.job, nullptr);
    job.result.ended = core_.runtime.monotonic_ns();
    done(job);
  };
  std::string threw;
  const auto status = guarded_call(name_, threw, [&] { return library_->reconcile_all(controller, all, end), 0; });
  for (auto& one : all)
    if (one.job != nullptr) one.job->result.status = status, one.job->result.error_json = threw, end(one);
}

// --- the event thread ----------------------------------------------------------------------------------------------

void Instance::events() {
  auto refusal = begin();
  const bool refused = refusal.has_value();
  if (!refused) core_.feed.add(inbox_);
  {
    const std::lock_guard lock(mutex_);
    refusal_ = std::move(refusal);
    started_ = true;
  }
  start_waiter_->notify();
  if (refused) return;
  sync();
  routed_after_ = inbox_->open();
  start_tasks();
  spawn_wanted_.store(true);
  while (!ending_.load()) {
    if (inbox_->take(taken_)) catch_up();
    for (auto& changes : taken_) {
      for (const auto& change : *changes)
        if (change.revision > seen_ && !stopping_.load() && inbox_->wants(change)) process(change);
      changes.reset();   // whoever is the last frees what was before
    }
    taken_.clear();
    tell_completions();
    look_after_threads();
    inbox_->waiter().wait_until(base::kForever);
  }
  tell_completions();
}

// The committer answers hundreds of writes in a row: only the first of them wakes the event thread.
void Instance::complete(Completion completion, std::shared_ptr<void> made_by) {
  if (ending_.load()) return calls_.leave(1);
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = completions_.empty();
    completions_.push_back(std::move(completion));
    if (made_by && (spent_.empty() || spent_.back() != made_by)) spent_.push_back(std::move(made_by));   // of many that were made together it comes with each
  }
  if (first) inbox_->waiter().notify();
}

void Instance::tell_completions() {
  std::vector<Completion> told;
  {
    const std::lock_guard lock(mutex_);
    told.swap(completions_);
  }
  if (told.empty()) return;
  for (const auto& one : told) {
    std::string error;
    guarded_call(name_, error, [&] { return library_->table().completion(self_, one.token, one.code, bytes_of(one.status_json)), 0; });
  }
  calls_.leave(told.size());
  if (submits_.load() == 0) take_spent();
}

void Instance::begin_work() {
  at_work_.store(true);
  spawn_wanted_.store(true);
  inbox_->waiter().notify();
}

void Instance::look_after_threads() {
  if (at_work_.load() && spawn_wanted_.exchange(false) && synced_.load() && !stopping_.load())
    for (auto& controller : controllers_) controller->spawn();
  std::vector<Job> ended;
  const std::lock_guard lock(mutex_);
  for (auto& job : jobs_)
    if (job.ended->load() && job.thread) ended.push_back(std::move(job));
  std::erase_if(jobs_, [](const Job& job) { return !job.thread; });
}

// --- tasks and streams ---------------------------------------------------------------------------------------------

void Instance::spawn_job(std::string name, std::function<void()> body) {
  auto ended = std::make_shared<std::atomic<bool>>(false);   // shared with the thread, which may outlive the list entry
  auto thread = core_.runtime.spawn(std::move(name), [this, ended, body = std::move(body)] {
    body();
    ended->store(true);
    inbox_->waiter().notify();
  });
  const std::lock_guard lock(mutex_);
  jobs_.push_back({std::move(thread), std::move(ended)});
}

void Instance::start_tasks() {
  for (std::uint32_t i = 0; i < declaration_.tasks.size() && !stopping_.load(); ++i)
    spawn_job(declaration_.tasks[i].substr(0, 15), [this, i] { run_task(i); });
}

// A task that fails is started again; one that returns is done.
void Instance::run_task(std::uint32_t index) {
  for (;;) {
    CallScope scope(calls_, calls_.begin("task " + declaration_.tasks[index]));
    if (!scope) return;
    std::string error;
    const auto status = guarded_call(name_, error, [&] { return library_->table().task(self_, scope.id(), index, sink_to(error)); });
    if (status == 0) return;
    errors_.fetch_add(1);
    note_failure(status, "task " + declaration_.tasks[index], error);
    changed_();
    if (!calls_.sleep(&scope.call(), kTaskRestart_ms * base::kNanosPerMs)) return;
  }
}

// --- the end -------------------------------------------------------------------------------------------------------

bool Instance::stop(base::Monotonic deadline) {
  stopping_.store(true);
  core_.feed.remove(*inbox_);
  for (auto& controller : controllers_) controller->stop();
  hook_workers_.stop();
  calls_.close();
  library_->cancel_calls();
  if (!end_start(deadline) || !end_calls(deadline)) {
    library_->keep_mapped();
    return false;
  }
  ending_.store(true);
  inbox_->waiter().notify();
  join_all();
  finish_plugin(deadline);
  return true;
}

// False: it is still inside of its start().
bool Instance::end_start(base::Monotonic deadline) {
  const auto ended = [this] {
    const std::lock_guard lock(mutex_);
    return started_;
  };
  if (ended()) return true;
  if (!library_->kill("did not return from its start")) return false;
  while (!ended())
    if (!start_waiter_->wait_until(deadline)) return ended();
  return true;
}

bool Instance::end_calls(base::Monotonic deadline) {
  if (calls_.wait_empty(deadline)) return true;
  return library_->kill("did not end when it was told to") && calls_.wait_empty(core_.runtime.in_ms(kKillDeadline_ms));
}

void Instance::join_all() {
  thread_.reset();
  hook_workers_.join();
  for (auto& controller : controllers_) controller->join();
  std::vector<Job> jobs;
  {
    const std::lock_guard lock(mutex_);
    jobs.swap(jobs_);
  }
  jobs.clear();
  taken_.clear();
}

void Instance::finish_plugin(base::Monotonic deadline) {
  if (self_ == nullptr) return;
  std::string error;
  if (guarded_call(name_, error, [&] { return library_->table().drain(self_, deadline); }) != 0) log(base::LogLevel::error, "drain: " + message_of(error));
  guarded_call(name_, error, [&] { return library_->table().destroy(self_), 0; });
  self_ = nullptr;
  if (const auto left = handles_.load(); left != 0) {
    base::log_error("plugins", "objects are still held after the plugin was destroyed; it stays mapped", {{"plugin", name_}, {"objects", std::to_string(left)}});
    library_->keep_mapped();
  }
}

}  // namespace keelson::plugins
