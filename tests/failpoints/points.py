"""Where a test build can be made to die, to wait or to fail: name, file below core/, a piece of its text that is there once, on which side of it,
and what the error path is, if the place has one."""
BEFORE, AFTER = "before", "after"
DISK = 'return disk_error(rocksdb::Status::IOError("failpoint"));'

POINTS = [
    # The committer: a batch is made, written, published, answered.
    ("batch-build-before", "store/committer.cc", "  fill(batch, std::move(taken));\n", BEFORE, None),
    ("batch-build-after", "store/committer.cc", "  batch.let_go();\n", AFTER, None),
    ("write-before", "store/rocksdb_storage.cc", "    breathe(batch_.GetDataSize());\n", BEFORE, DISK),
    ("write-after", "store/rocksdb_storage.cc", "    if (sync || noted) acknowledged_->raise(appended_);\n", BEFORE, DISK),
    ("mark-after", "store/rocksdb_storage.cc", "    if (sync || noted) acknowledged_->raise(appended_);\n", AFTER, None),
    ("sync-before", "store/rocksdb_storage.cc", "  const auto status = database_->SyncWAL();\n", BEFORE, DISK),
    ("sync-after", "store/rocksdb_storage.cc", "  const auto status = database_->SyncWAL();\n", AFTER, DISK),
    ("publish-before", "store/committer.cc", "  if (!batch.changes().empty()) target_->install(std::move(batch.changes()));\n", BEFORE, None),
    ("publish-after", "store/committer.cc", "  if (!batch.changes().empty()) target_->install(std::move(batch.changes()));\n", AFTER, None),
    ("answer-after", "store/committer.cc", "    answer.done(std::move(answer.outcome), answer.as_of);\n", AFTER, None),
    ("apply-before", "store/live_store.cc", "    state_.replace(reclaimer_->share(std::move(next)));\n", BEFORE, None),
    ("apply-after", "store/live_store.cc", "  pins_.installed(revision, bytes);\n", AFTER, None),
    ("deliver-before", "store/live_store.cc", "    subscriber->sink->on_changes(changes);\n", BEFORE, None),
    ("deliver-after", "store/live_store.cc", "    subscriber->sink->on_changes(changes);\n", AFTER, None),
    # Starting and ending.
    ("open-before", "store/rocksdb_storage.cc", "  const auto status = rocksdb::DB::Open(", BEFORE, DISK),
    ("recover-read", "store/rocksdb_recovery.cc", "  auto objects = scan_versions(newest, stale);\n", BEFORE, DISK),
    ("settle-before", "store/rocksdb_recovery.cc", "  if (const auto settled = settle(*meta, newest, recovered); !settled)", BEFORE, DISK),
    ("settle-flushed", "store/rocksdb_recovery.cc", "  recovered.revision = std::max(newest, meta.clean.value_or(meta.ceiling));\n", BEFORE, DISK),
    ("settle-after", "store/rocksdb_recovery.cc", "  for (const Atom resource : volatile_resources_) ring_.set_compacted(resource, recovered.revision);\n", BEFORE, DISK),
    ("close-before", "store/rocksdb_storage.cc", "  auto status = database_->Put(write_options(true), meta_, meta::kClean, encode_revision(revision));\n", BEFORE, DISK),
    ("close-marked", "store/rocksdb_storage.cc", "  // The next start then has nothing to replay.\n", BEFORE, DISK),
    # The past: snapshots, history, compaction.
    ("snapshot-rebuild", "store/live_store.cc", "  const std::shared_ptr<const Snapshot::State> current = state_.read();\n", BEFORE, None),
    ("history-read", "store/rocksdb_reading.cc", "  page.upto = installed.revision();\n", AFTER, 'return read_error(rocksdb::Status::IOError("failpoint"));'),
    ("compaction-mark", "store/rocksdb_compaction.cc", "    for (const auto& [resource, mark] : marks_) batch_.Put(storage_.meta_, meta::mark_key(resource), encode_revision(mark));\n", BEFORE, None),
    ("compaction-delete-before", "store/rocksdb_compaction.cc", "    if (const auto status = storage_.database_->Write(rocksdb::WriteOptions(), &batch_); status.ok())", BEFORE, None),
    ("compaction-delete-after", "store/rocksdb_compaction.cc", "    batch_.Clear();\n    marks_.clear();\n", BEFORE, None),
    # Watches.
    ("watch-open", "watch/hub.cc", "  watchers_.add(1);\n", BEFORE, None),
    ("watch-feed", "watch/hub_feed.cc", "  if (nobody_watches(changes.back().revision)) return;\n", BEFORE, None),
    ("watch-dispatch", "watch/hub_feed.cc", "  auto jobs = match(batch);\n", BEFORE, None),
    ("watch-hand-out", "watch/hub_feed.cc", "  hand_out(batch, jobs);\n", BEFORE, None),
    ("watch-enqueue-after", "watch/hub_feed.cc", "        member->put(job.bytes);\n", AFTER, None),
    ("watch-take", "watch/watcher.cc", "  bytes_ -= taken;\n", AFTER, None),
    ("watch-catch-up", "watch/hub_catch_up.cc", "  const auto& request = watcher->request;\n  auto page = ", BEFORE, None),
    # Requests.
    ("request-begin", "verbs/transaction.cc", "  begin_next();\n}\n\nvoid Transaction::begin_next() {\n", BEFORE, 'return fail(base::internal("failpoint"));'),
    ("request-commit", "verbs/transaction.cc", "  core_.parts.store.commit(std::move(commit), [self", BEFORE, None),
    ("request-committed", "verbs/transaction.cc", "  if (outcome.error) return fail(named(std::move(*outcome.error)));\n", BEFORE, None),
    ("send-begin", "http/connection_sending.cc", "  response_ = std::move(response);\n", BEFORE, None),
    ("send-some", "http/connection_sending.cc", "    if (out_at_ < out_.size()) {\n      if (!ready_to_write(", BEFORE, None),
    # Definitions.
    ("definition-serve", "verbs/definitions.cc", "    auto compiled = compile(definition);\n", BEFORE, None),
    ("definition-installed", "verbs/definitions.cc", "    served_[name] = std::move(now);\n", BEFORE, None),
    ("definition-withdraw", "verbs/definitions.cc", "    registry_.withdraw(held->second.storage_key);\n", BEFORE, None),
    # Files and plugins.
    ("file-write", "base/durable_file.cc", '  if (fd < 0) return failed("open", fresh);\n', AFTER, '::close(fd); return failed("write", fresh);'),
    ("file-rename", "base/durable_file.cc", "  if (::rename(fresh.c_str(), path.c_str()) != 0)", BEFORE, 'return failed("rename", fresh);'),
    ("file-renamed", "base/durable_file.cc", "  return sync_directory(fs::path(path).parent_path().string());\n", BEFORE, 'return failed("sync", path);'),
    ("plugin-load", "plugins/library.cc", "  library->handle_ = ::dlopen(", BEFORE, None),
    ("plugin-start", "plugins/instance.cc", "  auto declaration = parse_declaration(answer);\n", BEFORE, None),
    ("plugin-reconcile-before", "plugins/instance.cc", "  result.status = guarded_call(name_, result.error_json, [&] {\n    return library_->table().reconcile(", BEFORE, None),
    ("plugin-reconcile-after", "plugins/instance.cc", "  result.ended = core_.runtime.monotonic_ns();\n  return result;\n", BEFORE, None),
]


def planted(text, name, anchor, side, error):
    """`text` with the failpoint; None when its place is not there once."""
    if text.count(anchor) != 1:
        return None
    call = f'keelson::failpoints::hit("{name}")'
    line = f"if ({call}) {{ {error} }}\n" if error else f"static_cast<void>({call});\n"
    return text.replace(anchor, line + anchor if side == BEFORE else anchor + line)
