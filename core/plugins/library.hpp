// Library: the code of one plugin, checked before any of it runs: mapped into this process, or in a child that answers
// for it (child/).
//
// Invariants: what is mapped is a private copy under the name of its content, so replacing the file in the plugin
//   directory changes nothing that runs. A Library has a table of a version that this core understands.
// Threads: any one at a time. Ownership: unloads in the destructor, so nothing of the plugin may be left by then;
//   keep_mapped() gives that up for plugins that are stuck.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "core/plugins/elf.hpp"
#include "core/plugins/known_files.hpp"
#include "core/plugins/trust.hpp"
#include "core/plugins/usage.hpp"
#include "sdk/abi/keelson_plugin.h"

namespace keelson::plugins {

class Instance;
struct Batched;   // controller.hpp

class Library {
 public:
  virtual ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  const keelson_plugin_v1& table() const { return *table_; }
  const std::string& file() const { return file_; }
  const std::string& sha256() const { return sha256_; }
  std::string abi() const;
  void keep_mapped() { keep_ = true; }

  /// Calls the plugin's start(); its host is `instance`.
  virtual keelson_status start(Instance& instance, keelson_sink out, void** self);
  virtual bool in_core() const { return true; }
  /// Whether it may reach a network, also by having a client's connection forwarded to one.
  virtual bool has_network() const { return true; }
  /// Everything that is under way counts as cancelled. In the core the calls themselves know.
  virtual void cancel_calls() {}
  /// Ends the plugin by force. False: it runs in this process, where that cannot be done.
  virtual bool kill(const std::string& why) { return (void)why, false; }
  /// What its process takes, if it has one.
  virtual std::optional<Usage> usage() const { return std::nullopt; }
  /// What its process has nearly used up of what it may take; empty: nothing.
  virtual std::string shortage() const { return {}; }
  /// How many reconciles may be asked for at once; 1: each is a call of the table.
  virtual std::size_t batch_max() const { return 1; }
  /// So many at once, of which one after the other runs; `done` is told each, and takes its job.
  virtual void reconcile_all(std::uint32_t controller, std::span<Batched> all, const std::function<void(Batched&)>& done) { (void)controller, (void)all, (void)done; }
  /// What waits there behind a reconcile that takes long comes back without having begun. Any thread.
  virtual void give_back() {}
  /// How its process ended, if it has one that did without being asked to.
  virtual std::optional<std::string> died() const { return std::nullopt; }
  /// `tell` runs once when died() becomes true; on any thread, must not wait.
  virtual void on_death(std::function<void()> tell) { (void)tell; }

 protected:
  friend struct LibraryLoader;
  Library() = default;
  void* handle_ = nullptr;
  const keelson_plugin_v1* table_ = nullptr;
  std::string file_, sha256_;
  bool keep_ = false;
};

struct LoadOptions {
  std::string private_directory;    ///< for the copies, <SHA-256>.so, left there; only this user writes there
  bool check_permissions = true;
  std::vector<TrustedKey> keys;     ///< when there are any, a file needs a signature by one of them beside it ...
  std::set<std::string> ours;       ///< ... unless this is the SHA-256 of its content
  KnownFiles* known = nullptr;      ///< spares reading what has not changed; not used where there are keys
  std::int64_t now_ns = 0;          ///< since the epoch; for `known`
};

/// A plugin's file, judged without mapping any of it.
struct Inspected {
  std::string content, sha256;
  ElfFacts facts;
  std::optional<Refusal> refusal;   ///< the first reason against it; what could not be read is empty then
};
Inspected inspect_library(const std::string& file, const LoadOptions& options);

/// A plugin file that may be opened: all checks done that need none of it to run.
struct CheckedFile {
  std::string name;      ///< without directories, for messages
  std::string sha256;
  std::string copy;      ///< the private copy
  std::optional<PluginNote> note;
};
std::variant<CheckedFile, Refusal> check_file(const std::string& file, const LoadOptions& options);
/// Maps and opens it. `file`: where it came from.
std::variant<std::unique_ptr<Library>, Refusal> load_checked(const std::string& file, const CheckedFile& checked);
/// Both steps.
std::variant<std::unique_ptr<Library>, Refusal> load_library(const std::string& file, const LoadOptions& options);
/// What is wrong with a plugin's table, if anything is.
std::optional<Refusal> check_table(const std::string& name, const keelson_plugin_v1* table);
/// The note is what was judged, so the table has to say the same.
std::optional<Refusal> check_note_against(const CheckedFile& file, const keelson_plugin_v1& table);

/// "1.0", what this core offers.
std::string core_abi();

}  // namespace keelson::plugins
