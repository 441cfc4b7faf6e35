// `keelson plugin new`: a project made of templates, which are files of the source tree (sdk/templates/plugin).
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"

namespace keelson::server {

/// One file of the template. In both texts @name@, @Kind@, @singular@, @plural@ and @under_name@ stand for the project's own.
struct TemplateFile {
  std::string_view path, text;
};
/// Compiled in by the build.
std::vector<TemplateFile> plugin_template();

/// Writes the project into a folder that is not there or empty. Answers the files' paths in it. 400: not a name for a plugin, or a
/// folder with something in it.
base::Outcome<std::vector<std::string>> write_plugin_project(const std::string& name, const std::string& directory);

}  // namespace keelson::server
