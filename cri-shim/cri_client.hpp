// CriClient: Cri over gRPC on a unix socket. gRPC and its generated code are seen by cri_client.cc alone.
//
// Ownership: make_cri_client hands out the client; it connects by itself, again and again, at most once a second.
#pragma once
#include <memory>

#include "cri.hpp"

namespace keelson::node {

/// `endpoint`: "unix:///run/containerd/containerd.sock".
std::unique_ptr<Cri> make_cri_client(const std::string& endpoint);

}  // namespace keelson::node
