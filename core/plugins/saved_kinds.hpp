// The kinds that plugins declared, kept in files so that their objects are served when the plugin is not there.
//
// Threads: the host's. Errors: a file that cannot be written or read is logged; the kind is then known only while its
// plugin runs.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/kinds/catalog.hpp"

namespace keelson::plugins {

class SavedKinds {
 public:
  /// "" keeps nothing. `what` is the directory's name: other texts are kept by plugin the same way.
  explicit SavedKinds(const std::string& data_dir, const std::string& what = "kinds");
  void save(const std::string& plugin, const std::vector<std::string>& crds) const;
  void forget(const std::string& plugin) const;
  /// CRD texts by plugin.
  std::map<std::string, std::vector<std::string>> read() const;

 private:
  std::string directory_;
};

/// Compiles and installs all versions of a declared kind. Answers their storage keys.
base::Outcome<std::vector<base::Atom>> install_declared(kinds::Registry& registry, const std::string& plugin, const std::string& crd, bool writable);

}  // namespace keelson::plugins
