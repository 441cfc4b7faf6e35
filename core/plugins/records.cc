// From files to running plugins and back.
#include <algorithm>
#include <filesystem>
#include "core/base/log.hpp"
#include "core/base/quantity.hpp"
#include "core/plugins/child/child_library.hpp"
#include "core/plugins/host_impl.hpp"

namespace keelson::plugins {
namespace {

constexpr const char* kQuarantineHint = " is quarantined; set spec.quarantined of its Plugin object to false, or replace its file, to try again";

/// Also when what it was refused for may have been put right.
bool is_another(const Record& record, const PluginFile& file) {
  return !(record.file.identity == file.identity) || record.file.path != file.path || (!record.instance && record.info.state == "Refused" && record.file.trust != file.trust);
}

}  // namespace

bool Host::disabled(const std::string& file_name, const std::string& plugin) const {
  const auto listed = [&](const std::string& name) { return std::find(options_.disabled.begin(), options_.disabled.end(), name) != options_.disabled.end(); };
  return listed(file_name) || listed(plugin);
}

// Brings the records in line with the files. Directory content is level-based, like everything else.
void Host::scan() {
  auto directories = options_.directories;
  if (options_.essential) std::reverse(directories.begin(), directories.end());   // ours, not what replaced them
  auto files = scan_directories(directories);
  for (const auto& path : extra_files_) files.insert(plugin_file(path));
  std::erase_if(files, [&](const auto& file) { return disabled(file.first, file.first); });
  std::vector<std::string> gone;
  for (auto& [key, record] : records_)
    if (!files.contains(key) && !record.left) gone.push_back(key);
  for (const auto& key : gone) remove_record(key);
  for (const auto& [key, file] : files) {
    if (stopping_.load()) return;
    const auto found = records_.find(key);
    if (found == records_.end() || found->second.left) load_file(key, file);
    else if (is_another(found->second, file)) take_new_file(found->second, file);
  }
  if (!gone.empty()) try_taken_again();
  forget_routes();
  drop_old_copies();
  known_.save();
}

// Who had to stand back for another's name or kind has its chance when something goes.
void Host::try_taken_again() {
  std::vector<std::string> waiting;
  for (const auto& [key, record] : records_)
    if (!record.instance && record.info.state == "Refused" && (record.info.reason == "NameTaken" || record.info.reason == "KindTaken")) waiting.push_back(key);
  for (const auto& key : waiting)
    if (const auto found = records_.find(key); found != records_.end() && !stopping_.load()) start_record(found->second);
}

void Host::forget_routes() {
  std::set<std::string> there;
  for (const auto& [key, record] : records_)
    if (!record.left) there.insert(record.info.name);
  routes_.keep(there);
}

void Host::drop_old_copies() {
  std::set<std::string> used;
  for (const auto& [key, record] : records_)
    if (record.instance) used.insert(record.instance->library().sha256());
  for (const auto& instance : stuck_) used.insert(instance->library().sha256());
  used.insert(spare_copies_.begin(), spare_copies_.end());
  std::error_code failed;
  for (std::filesystem::directory_iterator at(private_directory_, failed), end; !failed && at != end; at.increment(failed)) {
    std::error_code ignored;
    if (!used.contains(at->path().stem().string())) std::filesystem::remove(at->path(), ignored);
  }
}

void Host::set_state(Record& record, std::string state, std::string reason, std::string message) {
  {
    const std::lock_guard lock(mutex_);
    if (record.info.state != state || record.since.empty()) record.since = base::rfc3339(parts_.runtime.unix_s());
    record.info.state = std::move(state);
    record.info.reason = std::move(reason);
    record.info.message = std::move(message);
  }
  renew_check(record);
}

// Whoever asks for it by name learns how it is. Only what runs counts for the server: it is as ready without a plugin that is put away.
void Host::renew_check(Record& record) {
  if (!parts_.add_check) return;
  const auto name = "plugin-" + record.info.name;
  if (record.instance) {
    if (record.checked == record.instance.get()) return;
    record.check = parts_.add_check(name, [weak = std::weak_ptr<Instance>(record.instance)]() -> std::string {
      const auto running = weak.lock();
      return running ? running->check() : "is not running";
    }, true);
  } else {
    record.check = parts_.add_check(name, [why = record.info.reason + (record.info.message.empty() ? "" : ": ") + record.info.message] { return why; }, false);
  }
  record.checked = record.instance.get();
}

// The one place that tells of a refusal what an auditor asks: which file, what it said it was, and why it did not run.
void Host::audit_refusal(const Record& record, const Refusal& refusal, const char* what) const {
  base::log(base::LogLevel::warn, "audit", what, {{"user", "system:plugin-host"}, {"verb", "load"}, {"resource", "plugins.keelson.dev"}, {"name", record.info.name},
            {"file", record.file.path}, {"reason", refusal.reason}, {"message", refusal.message}});
}

void Host::refuse(Record& record, const Refusal& refusal) {
  audit_refusal(record, refusal, "plugin refused");
  if (refusal.reason != "Quarantined") report(record, true, refusal.reason, refusal.message);   // that was told when it happened
  set_state(record, refusal.reason == "Quarantined" ? "Quarantined" : refusal.reason == "StartFailed" ? "Failed" : "Refused", refusal.reason, refusal.message);
}

void Host::load_file(const std::string& key, const PluginFile& file) {
  Record* record = nullptr;
  {
    const std::lock_guard lock(mutex_);
    record = &records_[key];
    record->file = file;
    record->left = false;
    record->info.file = file.path;
    if (record->info.name.empty()) record->info.name = object_name(key);
  }
  start_record(*record);
}

void Host::start_record(Record& record) {
  record.again_at = base::kForever;
  set_state(record, "Loading", "Loading", "");
  auto loaded = open_library(record.file.path);
  if (auto* refusal = std::get_if<Refusal>(&loaded)) return refuse(record, *refusal);
  if (auto refusal = run_library(record, std::move(std::get<std::unique_ptr<Library>>(loaded)))) return refuse(record, *refusal);
  take_over_left(record);
}

// What an earlier file of that plugin left behind belongs to this one now, whatever the files are called.
void Host::take_over_left(const Record& by) {
  const std::lock_guard lock(mutex_);
  std::erase_if(records_, [&](const auto& entry) { return &entry.second != &by && entry.second.left && entry.second.info.name == by.info.name; });
}

/// Whether this plugin runs in a process of its own: who took the server down, whatever is wanted; else as is wanted; else
/// everybody whom this build does not know. A build that knows none (of a developer) trusts all.
bool Host::in_child(const std::string& plugin, const std::string& sha256) {
  const auto wanted = settings_for(plugin).host;
  if (wanted == "Process") return true;
  if (options_.child_program.empty()) return false;
  if (core_crashes(plugin) > 0) return true;
  return wanted != "Core" && !options_.ours.empty() && !options_.ours.contains(sha256);
}

namespace {

/// What of a plugin's configuration is about its process, not for the plugin: process.memory and process.tasks (quantities),
/// process.network ("true").
ChildOptions child_options(const std::string& program, const std::map<std::string, std::string>& config) {
  const auto text = [&](const char* key) {
    const auto found = config.find(key);
    return found == config.end() ? std::string() : found->second;
  };
  const auto number = [&](const char* key) -> std::uint64_t {
    const auto quantity = base::Quantity::parse(text(key));
    return quantity && quantity->sign() > 0 ? static_cast<std::uint64_t>(quantity->units()) : 0;   // 0: as usual
  };
  return {program, number("process.memory"), number("process.tasks"), text("process.network") == "true"};
}

}  // namespace

Host::Opened Host::open_checked(const std::string& file, const CheckedFile& checked, const std::string& plugin, bool in_child) {
  if (!in_child) return load_checked(file, checked);
  if (options_.child_program.empty()) return Refusal{"HostUnavailable", "this server runs no plugins in processes of their own"};
  return load_in_child(file, checked, child_options(options_.child_program, settings_for(plugin).config), parts_.runtime);
}

// Whatever brings a file here, its first look, a change or a quarantine that ended: safe mode lets the essential ones in, no other.
std::optional<Refusal> Host::refused_in_safe_mode(const std::string& file) const {
  const auto key = std::filesystem::path(file).stem().string();
  if (!options_.essential || std::find(options_.essential->begin(), options_.essential->end(), key) != options_.essential->end()) return std::nullopt;
  return Refusal{"SafeMode", "the server runs in safe mode, and " + object_name(key) + " is not essential"};
}

// A plugin without a note says its name only when it is loaded; until then its file's name has to do.
Host::Opened Host::open_library(const std::string& file) {
  if (auto refusal = refused_in_safe_mode(file)) return *refusal;
  const auto seen = check_file(file, {private_directory_, options_.check_permissions, options_.plugin_keys, options_.ours, &known_, parts_.runtime.unix_ns()});
  if (const auto* refusal = std::get_if<Refusal>(&seen)) return *refusal;
  const auto& checked = std::get<CheckedFile>(seen);
  const auto guess = checked.note ? checked.note->text("name") : object_name(std::filesystem::path(file).stem().string());
  if (settings_for(guess).quarantined) return Refusal{"Quarantined", guess + kQuarantineHint};
  const bool child = in_child(guess, checked.sha256);
  auto opened = open_checked(file, checked, guess, child);
  const auto* library = std::get_if<std::unique_ptr<Library>>(&opened);
  if (library == nullptr) return opened;
  const std::string name = (*library)->table().name;
  if (settings_for(name).quarantined) return Refusal{"Quarantined", name + kQuarantineHint};
  if (name == guess || in_child(name, checked.sha256) == child) return opened;
  opened = Refusal{};   // unloaded before it is loaded elsewhere
  return open_checked(file, checked, name, !child);
}

// A new file is a new chance.
void Host::take_new_file(Record& record, const PluginFile& file) {
  if (!options_.data_dir.empty()) forget_crashes(options_.data_dir + "/plugins/crashes", record.info.name);
  record.crashes.clear();
  record.failures = 0;
  set_quarantined(record.info.name, false);
  replace_file(record, file);
}

// The new file is opened before the old plugin ends: a file that is none leaves the old one running.
void Host::replace_file(Record& record, const PluginFile& file) {
  record.file = file;
  record.again_at = base::kForever;
  auto loaded = open_library(file.path);
  if (auto* refusal = std::get_if<Refusal>(&loaded)) {
    if (!record.instance) return refuse(record, *refusal);
    audit_refusal(record, *refusal, "new file refused, the old plugin goes on");
    report(record, true, refusal->reason, "the new file was refused, the old plugin goes on: " + refusal->message);
    return set_state(record, record.info.state, refusal->reason, "the new file was refused, the old plugin goes on: " + refusal->message);
  }
  auto library = std::move(std::get<std::unique_ptr<Library>>(loaded));
  if (record.instance) {
    stop_instance(record);
    const std::lock_guard lock(mutex_);
    ++record.info.restarts;
  }
  if (auto refusal = run_library(record, std::move(library))) {
    leave_kinds(record, false);
    refuse(record, *refusal);
  }
}

std::optional<Refusal> Host::run_library(Record& record, std::unique_ptr<Library> library) {
  const std::string name = library->table().name;
  if (object_name(name) != name) return Refusal{"BadName", "\"" + name + "\" is no name for a plugin: it has to be a DNS label"};
  if (disabled(name, name)) return Refusal{"Disabled", name + " is on the list of disabled plugins"};
  for (const auto& [key, other] : records_)
    if (&other != &record && other.instance && other.info.name == name) return Refusal{"NameTaken", name + " is loaded already, from " + other.info.file};
  if (const int crashes = core_crashes(name); library->in_core() && crashes >= kCrashesMax)
    return set_quarantined(name, true), Refusal{"Quarantined", name + " took the server down " + std::to_string(crashes) + " times; replace its file to try again"};
  const auto before = record.kinds;
  if (record.info.name != name && before.empty()) delete_object(record.info.name);   // as which it was refused, by its file's name
  {
    const std::lock_guard lock(mutex_);
    record.info.name = name;
    record.info.version = library->table().version;
    record.info.abi = library->abi();
    record.info.sha256 = library->sha256();
    record.info.host = library->in_core() ? "Core" : "Process";
  }
  record.settings = settings_for(name);
  auto instance = std::make_shared<Instance>(core(), std::move(library), record.settings, [this] { changed(); });
  if (record.handover) instance->take_over(*record.handover);
  instance->on_death([this] { command([] {}); });
  if (auto refusal = instance->start()) {
    withdraw_unused(instance->kinds(), before);
    if (!instance->stop(parts_.runtime.in_ms(kStopDeadline_ms))) stuck_.push_back(instance);
    return refusal;
  }
  {
    const std::lock_guard lock(mutex_);
    record.instance = instance;
    record.kinds = instance->kinds();
    record.info.kinds.clear();
    for (const auto kind : record.kinds) record.info.kinds.emplace_back(kind.text());
  }
  record.running_since = parts_.runtime.monotonic_ns();
  record.handover.reset();
  saved_.save(name, instance->declaration().kinds);
  for (const auto kind : before)   // what the new version has no more
    if (std::find(record.kinds.begin(), record.kinds.end(), kind) == record.kinds.end()) parts_.registry.set_writable(kind, false);
  routes_.add(instance);
  hooks_->install(instance);
  instance->begin_work();
  set_state(record, record.settings.paused ? "Paused" : "Running", record.settings.paused ? "Paused" : "Running", "");
  base::log_info("plugins", "plugin started", {{"plugin", name}, {"version", record.info.version}, {"file", record.file.path}});
  return std::nullopt;
}

// Those that a refused plugin got installed before it was refused.
void Host::withdraw_unused(const std::vector<base::Atom>& kinds, const std::vector<base::Atom>& before) {
  const auto snapshot = parts_.store.snapshot();
  for (const auto kind : kinds) {
    const bool kept = std::find(before.begin(), before.end(), kind) != before.end() || snapshot.count(kind) != 0;
    if (kept) parts_.registry.set_writable(kind, false);
    else parts_.registry.withdraw(kind);
  }
}

void Host::stop_instance(Record& record) {
  auto instance = record.instance;
  spare_copies_.push_front(instance->library().sha256());
  if (spare_copies_.size() > kSpareCopies) spare_copies_.pop_back();
  record.check.reset();
  record.checked = nullptr;
  base::Monotonic deadline = parts_.runtime.in_ms(kStopDeadline_ms);
  {
    const std::lock_guard lock(mutex_);
    deadline = std::min(deadline, stop_deadline_);
  }
  if (instance->stop(deadline)) {
    base::log_info("plugins", "plugin stopped", {{"plugin", instance->name()}});
    if (instance->synced()) record.handover = instance->hand_over();
  } else {
    base::log_error("plugins", "plugin does not end; it stays in memory", {{"plugin", instance->name()}});
    stuck_.push_back(instance);
  }
  const std::lock_guard lock(mutex_);
  record.instance.reset();
}

void Host::remove_record(const std::string& key) {
  auto& record = records_.at(key);
  if (record.instance) stop_instance(record);
  hooks_->withdraw(record.info.name);
  leave_kinds(record, true);
  look_after_left_kinds();
}

std::string Host::left_message(const Record& record) const {
  if (hooks_->holds(record.info.name)) return "its file is gone; what it has to decide on is refused until it is back or this object is deleted";
  return "its file is gone; its kinds stay readable until their last object is gone";
}

// Somebody deleted the Plugin object: a policy that is gone for good holds up nobody any more.
void Host::lift_required(const std::string& plugin) {
  for (const auto& [key, record] : records_)
    if (record.left && record.info.name == plugin) hooks_->forget(plugin);
}

// Without their plugin its kinds are for reading and deleting only.
void Host::leave_kinds(Record& record, bool gone) {
  for (const auto kind : record.kinds) parts_.registry.set_writable(kind, false);
  {
    const std::lock_guard lock(mutex_);
    record.left = gone;
  }
  if (gone) set_state(record, "Draining", "Removed", left_message(record));
  listen();
}

void Host::look_after_left_kinds() {
  std::vector<std::string> done;
  const auto snapshot = parts_.store.snapshot();
  for (auto& [key, record] : records_) {
    if (!record.left) continue;
    std::erase_if(record.kinds, [&](base::Atom kind) {
      if (snapshot.count(kind) != 0) return false;
      parts_.registry.withdraw(kind);
      return true;
    });
    if (record.kinds.empty() && !hooks_->holds(record.info.name)) done.push_back(key);
  }
  for (const auto& key : done) {
    const auto name = records_.at(key).info.name;
    saved_.forget(name);
    delete_object(name);
    delete_role(name);
    const std::lock_guard lock(mutex_);
    records_.erase(key);
  }
  if (done.empty()) return;
  listen();
  try_taken_again();
}

// What an earlier run left behind; a file of that plugin takes it over in the scan that follows.
void Host::restore_left() {
  auto left = saved_.read();
  for (const auto& plugin : hooks_->plugins()) left.try_emplace(plugin);
  for (const auto& [plugin, crds] : left) {
    Record record;
    record.left = true;
    record.info.name = plugin;
    for (const auto& crd : crds) {
      const auto keys = install_declared(parts_.registry, plugin, crd, false);
      if (keys) record.kinds.insert(record.kinds.end(), keys->begin(), keys->end());
    }
    for (const auto kind : record.kinds) record.info.kinds.emplace_back(kind.text());
    Record* kept = nullptr;
    {
      const std::lock_guard lock(mutex_);
      kept = &(records_[plugin] = std::move(record));
    }
    set_state(*kept, "Draining", "Removed", left_message(*kept));
  }
  listen();
}

void Host::restart(Record& record, const std::string& why) {
  base::log_info("plugins", "plugin is started again", {{"plugin", record.info.name}, {"why", why}});
  replace_file(record, record.file);
}

void Host::supervise() {
  const auto now = parts_.runtime.monotonic_ns();
  for (auto& [key, record] : records_) {
    if (!record.instance) continue;
    look_for_crash(record);
    if (!record.instance) continue;
    if (record.instance->fell_behind()) restart(record, "it fell behind the log");
    if (!record.instance) continue;
    const auto stuck = record.instance->stuck();
    if (stuck && record.info.state != "Stuck") set_state(record, "Stuck", "Stuck", "has not returned from: " + *stuck);
    if (!stuck && record.info.state == "Stuck") set_state(record, record.settings.paused ? "Paused" : "Running", "Recovered", "");
    record.instance->replace_stuck_workers();
    look_for_shortage(record);
    if (!options_.data_dir.empty() && record.running_since != 0 && now - record.running_since > kCrashForgotten_ms * base::kNanosPerMs) {
      record.running_since = 0;
      forget_crashes(options_.data_dir + "/plugins/crashes", record.info.name);
      record.failures = 0;
    }
  }
  restart_due();
  look_after_left_kinds();
}

}  // namespace keelson::plugins
