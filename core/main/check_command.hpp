// `keelson check`: the hardening checks of README's table, one line each with result and reason, on a data folder and the server that
// runs on it.
//
// Errors: exit code 1 when a check does not hold; 2 when the server cannot be asked.
#pragma once
#include <functional>

namespace CLI {
class App;
}

namespace keelson::server {

std::function<int()> add_check_command(CLI::App& app);

}  // namespace keelson::server
