// `keelson bench`: what an API server costs. A program of its own does it, `keelson-bench` in the same folder, so that the server
// stays as small as it is.
//
// Errors: exit code 1 and a sentence when that program is not there.
#pragma once
#include <functional>

namespace CLI {
class App;
}

namespace keelson::server {

std::function<int()> add_bench_command(CLI::App& app);

}  // namespace keelson::server
