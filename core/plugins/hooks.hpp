// Hooks: which plugins answer at which point, in which order, and what holds when one of them is not there.
//
// Invariants: hooks of one point are ordered by (order, plugin, place in the declaration), never by who was loaded first.
//   A hook is there from its declaration until its plugin's file is gone; one that is `required` even longer, until
//   forget(). While it is there and its plugin cannot answer (loading, paused, stopping, stuck, gone), it fails, and what
//   that means is its failure policy. Required hooks outlive the server's end in files.
// Threads: any; readers see an immutable list. Ownership: hooks hold their instance weakly.
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/auth/auth.hpp"
#include "core/base/metrics.hpp"
#include "core/plugins/declaration.hpp"
#include "core/plugins/hook_call.hpp"
#include "core/plugins/saved_kinds.hpp"

namespace keelson::plugins {

class Instance;

class Hook {
 public:
  Hook(std::string plugin, HookDeclaration declared, std::weak_ptr<Instance> instance)
      : plugin_(std::move(plugin)), declared_(std::move(declared)), instance_(std::move(instance)), name_(plugin_ + "/" + declared_.name) {}
  const std::string& plugin() const { return plugin_; }
  /// "plugin/hook"
  const std::string& name() const { return name_; }
  const HookDeclaration& declared() const { return declared_; }

  /// On the calling thread, which must be allowed to wait unless the hook is inline.
  HookAnswer ask(const HookQuestion& question) const;
  /// On a worker of the plugin; `done` runs once, at the latest at the deadline, on any thread, and must not wait.
  void ask_later(HookQuestion question, std::function<void(HookAnswer)> done) const;

  /// The plugin runs and has seen everything that exists.
  bool answering() const;
  /// Somebody wants it so.
  bool paused() const;
  /// The answer of one that does not.
  HookAnswer absent() const;
  /// Answers of an older generation must not be used.
  std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
  void changed() { generation_.fetch_add(1, std::memory_order_acq_rel); }

 private:
  std::shared_ptr<Instance> running() const;
  const std::string plugin_;
  const HookDeclaration declared_;
  const std::weak_ptr<Instance> instance_;
  const std::string name_;
  std::atomic<std::uint64_t> generation_{1};
};
using HookRef = std::shared_ptr<Hook>;

/// All hooks of "authorization" as one authorizer: the first verdict counts.
class HookAuthorizer : public auth::Authorizer {
 public:
  virtual void set(std::vector<HookRef> hooks) = 0;
};
std::shared_ptr<HookAuthorizer> make_hook_authorizer(base::Metrics& metrics);

class Hooks {
 public:
  /// Puts the policies of plugins into `chains`; restores required hooks of earlier runs from below `data_dir` ("": none).
  Hooks(auth::Chains& chains, base::Metrics& metrics, const std::string& data_dir);
  ~Hooks();

  /// Replaces all hooks of that plugin by what the instance declares.
  void install(const std::shared_ptr<Instance>& instance);
  /// The plugin is gone: only its required hooks stay, and fail.
  void withdraw(const std::string& plugin);
  /// Those, too.
  void forget(const std::string& plugin);
  bool holds(const std::string& plugin) const;
  /// Those that have any.
  std::vector<std::string> plugins() const;

  /// In order.
  std::vector<HookRef> at(std::string_view point) const;
  HookRef find(const std::string& plugin, std::uint32_t index) const;

 private:
  struct Entry {
    HookRef hook;
    std::shared_ptr<auth::AdmissionUnit> unit;   // of admission points
    std::shared_ptr<void> scrape;                // of "metrics"
  };
  using Entries = std::vector<Entry>;
  void replace(const std::string& plugin, std::vector<HookRef> fresh);
  Entry entry(HookRef hook);

  auth::Chains& chains_;
  base::Metrics& metrics_;
  const SavedKinds saved_;                       // JSON texts by plugin: the declarations of required hooks
  std::shared_ptr<HookAuthorizer> authorizer_;
  std::mutex change_;                            // one change at a time
  mutable std::mutex mutex_;                     // guards entries_
  Entries entries_;
};

/// admission.mutate and admission.validate as a unit of the chain.
std::shared_ptr<auth::AdmissionUnit> admission_unit(HookRef hook, base::Metrics& metrics);
/// "metrics": a gauge of the hook's name; the handle ends it. Null: not a name for a metric.
std::shared_ptr<void> metrics_source(HookRef hook, base::Metrics& metrics);
/// Whether the point's answers belong to a commit that somebody else makes.
bool is_admission(std::string_view point);

}  // namespace keelson::plugins
