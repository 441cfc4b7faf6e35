// Library: the shared library of one plugin, checked before any of it runs.
//
// Invariants: what is mapped is a private copy under the name of its content, so replacing the file in the plugin
//   directory changes nothing that runs. A Library has a table of a version that this core understands.
// Threads: any one at a time. Ownership: unloads in the destructor, so nothing of the plugin may be left by then;
//   keep_mapped() gives that up for plugins that are stuck.
#pragma once
#include <memory>
#include <string>
#include <variant>

#include "sdk/abi/keelson_plugin.h"

namespace keelson::plugins {

/// Why a file is no plugin for this server: a condition's reason, and a sentence for the operator.
struct Refusal {
  std::string reason;    ///< BadPermissions, NotALibrary, NoEntrySymbol, ABIMismatch, LoadFailed, StartFailed ...
  std::string message;
};

class Library {
 public:
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  const keelson_plugin_v1& table() const { return *table_; }
  const std::string& file() const { return file_; }
  const std::string& sha256() const { return sha256_; }
  std::string abi() const;
  void keep_mapped() { keep_ = true; }

 private:
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
};

std::variant<std::unique_ptr<Library>, Refusal> load_library(const std::string& file, const LoadOptions& options);

/// "1.0", what this core offers.
std::string core_abi();

}  // namespace keelson::plugins
