// `keelson plugin ...`: what an author or operator does with a plugin's file without a server.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/plugins/trust.hpp"

namespace CLI {
class App;
}

namespace keelson::server {

/// Where minisign's public keys (*.pub) are looked for when nothing else is said.
inline constexpr const char* kTrustedKeysDir = "/etc/keelson/trusted-keys";

/// Where plugins are when nothing else is said: those that were installed with this program, wherever that was, and those of this machine.
std::vector<std::string> default_plugin_dirs(const std::string& data_dir = "/var/lib/keelson");

/// Adds the commands; the function answers the exit status of the one that was given.
std::function<int()> add_plugin_command(CLI::App& app);

/// Keys from texts, files and folders of *.pub files; 400 naming the one that is none. Nothing given: kTrustedKeysDir, if it is there.
base::Outcome<std::vector<plugins::TrustedKey>> trusted_keys(const std::vector<std::string>& from);

}  // namespace keelson::server
