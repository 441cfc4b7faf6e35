// CriClient: Cri over gRPC on a unix socket.
//
// Ownership: make_cri_client hands out the client; it connects by itself, with each call that finds no connection.
#pragma once
#include <memory>

#include "cri.hpp"

namespace keelson::node {

/// `endpoint`: "unix:///run/containerd/containerd.sock", or the path alone.
std::unique_ptr<Cri> make_cri_client(const std::string& endpoint);

}  // namespace keelson::node
