// `keelson plugin-host --kubeconfig FILE plugin.so`: its flags.
#pragma once
#include <functional>

namespace CLI {
class App;
}

namespace keelson::server {

/// Adds the flags; the result does it and answers the exit status.
std::function<int()> add_remote_command(CLI::App& plugin_host);

}  // namespace keelson::server
