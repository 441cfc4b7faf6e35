#include "core/plugins/hooks.hpp"

#include <algorithm>
#include <tuple>

#include "core/base/log.hpp"
#include "core/plugins/instance.hpp"

namespace keelson::plugins {

HookAnswer HookAnswer::failed(const base::Error& error) {
  HookAnswer answer;
  answer.status = error.code;
  answer.error_json = base::to_status_json(error);
  return answer;
}

bool is_admission(std::string_view point) { return point.starts_with("admission."); }

bool Hook::answering() const { return running() != nullptr; }

std::shared_ptr<Instance> Hook::running() const {
  auto instance = instance_.lock();
  return instance && instance->answers_hooks() ? instance : nullptr;
}

bool Hook::paused() const {
  const auto instance = instance_.lock();
  return instance && instance->paused();
}

HookAnswer Hook::absent() const { return HookAnswer::failed(base::unavailable("the plugin " + plugin_ + " that decides on this (" + declared_.name + ") is not running")); }

HookAnswer Hook::ask(const HookQuestion& question) const {
  const auto instance = running();
  return instance ? instance->answer_hook(declared_, question) : absent();
}

void Hook::ask_later(HookQuestion question, std::function<void(HookAnswer)> done) const {
  if (const auto instance = running()) return instance->answer_hook_later(declared_, std::move(question), std::move(done));
  done(absent());
}

Hooks::Hooks(auth::Chains& chains, base::Metrics& metrics, const std::string& data_dir)
    : chains_(chains), metrics_(metrics), saved_(data_dir, "hooks"), authorizer_(make_hook_authorizer(metrics)) {
  chains_.add(authorizer_);
  for (const auto& [plugin, texts] : saved_.read()) {
    std::vector<HookRef> hooks;
    for (const auto& text : texts) {
      auto declared = parse_hook(text);
      if (!declared) base::log_error("plugins", "cannot restore a required hook", {{"plugin", plugin}, {"error", declared.error().message}});
      else hooks.push_back(std::make_shared<Hook>(plugin, std::move(*declared), std::weak_ptr<Instance>()));
    }
    replace(plugin, std::move(hooks));
  }
}

Hooks::~Hooks() {
  for (const auto& entry : entries_)
    if (entry.unit) chains_.remove(entry.unit.get());
  chains_.remove(authorizer_.get());
}

void Hooks::install(const std::shared_ptr<Instance>& instance) {
  std::vector<HookRef> hooks;
  std::vector<std::string> required;
  for (const auto& declared : instance->declaration().hooks) {
    hooks.push_back(std::make_shared<Hook>(instance->name(), declared, instance));
    if (declared.required) required.push_back(hook_json(declared));
  }
  saved_.save(instance->name(), required);
  replace(instance->name(), std::move(hooks));
}

void Hooks::withdraw(const std::string& plugin) {
  std::vector<HookRef> stay;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [hook, unit, scrape] : entries_)
      if (hook->plugin() == plugin && hook->declared().required) stay.push_back(std::make_shared<Hook>(plugin, hook->declared(), std::weak_ptr<Instance>()));
  }
  replace(plugin, std::move(stay));
}

void Hooks::forget(const std::string& plugin) {
  saved_.forget(plugin);
  replace(plugin, {});
}

bool Hooks::holds(const std::string& plugin) const {
  const std::lock_guard lock(mutex_);
  return std::any_of(entries_.begin(), entries_.end(), [&](const auto& entry) { return entry.hook->plugin() == plugin; });
}

Hooks::Entry Hooks::entry(HookRef hook) {
  auto unit = is_admission(hook->declared().point) ? admission_unit(hook, metrics_) : nullptr;
  auto scrape = hook->declared().point == "metrics" ? metrics_source(hook, metrics_) : nullptr;
  return {std::move(hook), std::move(unit), std::move(scrape)};
}

// The new ones are in the chain before the old ones leave it: at no moment is a policy missing.
void Hooks::replace(const std::string& plugin, std::vector<HookRef> fresh) {
  const std::lock_guard one(change_);
  Entries added, removed, next;
  for (auto& hook : fresh) added.push_back(entry(std::move(hook)));
  for (const auto& entry : added)
    if (entry.unit) chains_.add(entry.hook->declared().order, entry.unit);
  {
    const std::lock_guard lock(mutex_);
    for (auto& entry : entries_) (entry.hook->plugin() == plugin ? removed : next).push_back(std::move(entry));
    next.insert(next.end(), added.begin(), added.end());
    const auto rank = [](const Entry& entry) { return std::tuple(entry.hook->declared().order, std::string_view(entry.hook->plugin()), entry.hook->declared().index); };
    std::sort(next.begin(), next.end(), [&](const Entry& a, const Entry& b) { return rank(a) < rank(b); });
    entries_ = std::move(next);
  }
  auto authorizing = at("authorization");
  for (auto& hook : at("authorization.rules")) authorizing.push_back(std::move(hook));
  authorizer_->set(std::move(authorizing));
  for (const auto& entry : removed)
    if (entry.unit) chains_.remove(entry.unit.get());
}

std::vector<std::string> Hooks::plugins() const {
  std::vector<std::string> names;
  const std::lock_guard lock(mutex_);
  for (const auto& entry : entries_)
    if (std::find(names.begin(), names.end(), entry.hook->plugin()) == names.end()) names.push_back(entry.hook->plugin());
  return names;
}

std::vector<HookRef> Hooks::at(std::string_view point) const {
  std::vector<HookRef> found;
  const std::lock_guard lock(mutex_);
  for (const auto& [hook, unit, scrape] : entries_)
    if (hook->declared().point == point) found.push_back(hook);
  return found;
}

HookRef Hooks::find(const std::string& plugin, std::uint32_t index) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [hook, unit, scrape] : entries_)
    if (hook->plugin() == plugin && hook->declared().index == index) return hook;
  return nullptr;
}

}  // namespace keelson::plugins
