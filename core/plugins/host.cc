#include <stdlib.h>

#include <filesystem>

#include "core/base/memory.hpp"
#include "core/plugins/host_impl.hpp"

namespace keelson::plugins {

namespace fs = std::filesystem;

namespace {

std::string make_private_directory(const std::string& data_dir) {
  std::error_code failed;
  if (!data_dir.empty()) {
    const auto directory = data_dir + "/plugins/loaded";
    fs::create_directories(directory, failed);
    fs::permissions(directory, fs::perms::owner_all, failed);
    return directory;
  }
  auto pattern = (fs::temp_directory_path(failed) / "keelson-XXXXXX").string();
  return ::mkdtemp(pattern.data()) != nullptr ? pattern : std::string(".");
}

}  // namespace

std::string object_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const char low = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool legal = (low >= 'a' && low <= 'z') || (low >= '0' && low <= '9');
    if (legal) out += low;
    else if (!out.empty() && out.back() != '-') out += '-';
  }
  while (!out.empty() && out.back() == '-') out.pop_back();
  constexpr std::size_t kLabelMax = 63;
  return out.empty() ? "plugin" : out.substr(0, kLabelMax);
}

Host::Host(HostParts parts, HostOptions options)
    : parts_(std::move(parts)), options_(std::move(options)), private_directory_(make_private_directory(options_.data_dir)), saved_(options_.data_dir),
      known_(options_.data_dir.empty() ? "" : options_.data_dir + "/plugins/known"), waiter_(parts_.runtime.waiter()), feed_(parts_.store, parts_.runtime, options_.observe_late_ms), events_(parts_.verbs, parts_.registry, parts_.runtime, parts_.metrics),
      hooks_(parts_.hooks ? parts_.hooks : make_hooks(parts_.chains, parts_.metrics, options_.data_dir)),
      routes_(options_.data_dir, [this](const store::ObjectRef& object) { return live_object(object); }) {
  if (options_.catch_crashes && !options_.data_dir.empty()) install_crash_marker(options_.data_dir + "/plugins/crashes");
}

Host::~Host() {
  stop(parts_.runtime.in_ms(kStopDeadline_ms));
  for (auto& instance : stuck_)
    if (!instance->stop(parts_.runtime.monotonic_ns())) new std::shared_ptr<Instance>(instance);   // for ever: its code still runs
  std::error_code ignored;
  if (options_.data_dir.empty()) fs::remove_all(private_directory_, ignored);
}

Core Host::core() { return {parts_.store, parts_.verbs, parts_.registry, parts_.chains, parts_.runtime, parts_.metrics, feed_, events_, *hooks_, nullptr, &parts_.pass_on}; }

void Host::command(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    commands_.push_back(std::move(work));
  }
  waiter_->notify();
}

void Host::start() {
  if (options_.watch_directories) watch_ = std::make_unique<DirectoryWatch>(parts_.runtime, options_.directories, [this] { command([this] { scan(); }); });
  command([this] {
    restore_left();
    scan();
  });
  thread_ = parts_.runtime.spawn("plugins", [this] { run(); });
}

void Host::load(const std::string& file) {
  command([this, file] {
    extra_files_.insert(file);
    scan();
  });
}

void Host::unload(const std::string& name) {
  command([this, name] {
    std::erase_if(extra_files_, [&](const auto& file) { return fs::path(file).stem() == name; });
    scan();
  });
}

void Host::begin_stop(base::Monotonic deadline) {
  {
    const std::lock_guard lock(mutex_);
    if (stop_deadline_ == base::kForever) stop_deadline_ = deadline;
  }
  stopping_.store(true);
  waiter_->notify();
}

void Host::stop(base::Monotonic deadline) {
  begin_stop(deadline);
  watch_.reset();
  thread_.reset();
}

// Any thread. The host wakes once for many changes: the flag stays until it has looked.
void Host::changed() {
  if (!changed_.load(std::memory_order_relaxed) && !changed_.exchange(true)) waiter_->notify();
}

bool Host::run_commands() {
  std::deque<std::function<void()>> work;
  {
    const std::lock_guard lock(mutex_);
    work.swap(commands_);
    working_.store(!work.empty());
  }
  for (auto& item : work) item();
  working_.store(false);
  return !work.empty();
}

void Host::run() {
  listen();
  auto due = base::kForever;
  while (!stopping_.load()) {
    bool any = run_commands();
    look_at_changes();
    if (changed_.load() && flush_at_ == base::kForever) flush_at_ = parts_.runtime.in_ms(kCountersFirst_ms);
    if (any || parts_.runtime.monotonic_ns() >= std::min(due, flush_at_) || start_is_due()) {
      changed_.store(false);
      flush_at_ = base::kForever;
      supervise();
      publish_all();
    }
    give_back_memory(any);
    due = next_wake();
    waiter_->wait_until(due);
  }
  end_all();
}

// Files were read; but what one plugin needed to start the next one needs too, and what is given back costs who is at work faults.
void Host::give_back_memory(bool worked) {
  if (worked) give_back_at_ = parts_.runtime.in_ms(kGiveBack_ms);
  if (parts_.runtime.monotonic_ns() < give_back_at_) return;
  base::give_back_memory();
  give_back_at_ = base::kForever;
}

base::Monotonic Host::next_wake() const {
  {
    const std::lock_guard lock(mutex_);
    if (!commands_.empty()) return 0;
  }
  auto next = std::min(flush_at_, give_back_at_);
  for (const auto& [key, record] : records_) next = std::min(next, record.again_at);
  for (const auto& [key, record] : records_)
    if (record.instance)
      if (const auto at = record.instance->next_stuck_check()) next = std::min(next, *at);
  return next;
}

// Plugin objects that somebody edited, and objects of kinds whose plugin is gone.
void Host::look_at_changes() {
  std::vector<Changes> taken;
  const bool lost = inbox_->take(taken);
  bool deleted = lost;
  for (const auto& changes : taken)
    for (const auto& change : *changes) {
      deleted = deleted || change.type == store::ChangeType::deleted;
      if (change.object->key().resource != base::Atom("plugins.keelson.dev")) continue;
      untouched_.insert(change.object->key().name);
      if (change.type == store::ChangeType::deleted) lift_required(change.object->key().name);
    }
  for (auto& [key, record] : records_)
    if (lost || untouched_.contains(record.info.name)) apply_spec(record);
  untouched_.clear();
  if (deleted) look_after_left_kinds();
}

void Host::end_all() {
  for (auto& [key, record] : records_)
    if (record.instance) {
      record.check.reset();
      stop_instance(record);
    }
  feed_.remove(*inbox_);
  events_.stop();
}

std::vector<PluginInfo> Host::plugins() const {
  std::vector<PluginInfo> all;
  const std::lock_guard lock(mutex_);
  for (const auto& [key, record] : records_) {
    auto info = record.info;
    if (record.instance) {
      const auto statistics = record.instance->statistics();
      info.queue_length = static_cast<std::int64_t>(statistics.queue_length);
      info.reconciles = static_cast<std::int64_t>(statistics.reconciles);
      info.errors = static_cast<std::int64_t>(statistics.errors);
    }
    all.push_back(std::move(info));
  }
  return all;
}

bool Host::settled() const {
  const std::lock_guard lock(mutex_);
  return commands_.empty() && !working_.load();
}

bool Host::idle() const {
  const std::lock_guard lock(mutex_);
  if (!commands_.empty() || working_.load()) return false;
  for (const auto& [key, record] : records_)
    if (record.instance && record.instance->busy()) return false;
  return true;
}

std::shared_ptr<Hooks> make_hooks(auth::Chains& chains, base::Metrics& metrics, const std::string& data_dir) { return std::make_shared<Hooks>(chains, metrics, data_dir); }

std::unique_ptr<PluginHost> make_plugin_host(HostParts parts, HostOptions options) { return std::make_unique<Host>(std::move(parts), std::move(options)); }

}  // namespace keelson::plugins
