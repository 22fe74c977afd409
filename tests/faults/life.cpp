#include "tests/faults/life.hpp"

#include "actors/compressor/compressor_core.hpp"
#include "actors/device/device_state.hpp"
#include "actors/distiller/distiller_core.hpp"
#include "actors/intake/durable_journal.hpp"
#include "actors/intake/intake_core.hpp"
#include "actors/line_layout.hpp"
#include "actors/uplink_filter/outlet.hpp"
#include "kernels/base/fault_point.hpp"
#include "kernels/delta/layout.hpp"
#include "kernels/model/line.hpp"
#include "tests/support/fake_outbox.hpp"
#include "tests/support/patch_batches.hpp"

#include <fstream>
#include <set>
#include <sstream>
#include <utility>
#include <variant>

#include <fcntl.h>
#include <unistd.h>

namespace freshet::test {
namespace {

using namespace actors;
using topology::address;

constexpr std::uint64_t samples_a_batch = 3;
constexpr std::uint64_t reserve = 4;
constexpr device_id device{3};  // as patch_batches says

const address at_filter{"edge", "uplink_filter"};
const address at_intake{"cloud", "intake"};
const address at_teacher{"cloud", "teacher"};
const address at_distiller{"cloud", "distiller"};
const address at_compressor{"cloud", "compressor"};
const address at_deployer{"cloud", "deployer"};

/// One sample of the stream; its pixels are its own.
patch_batch seen_at(std::uint64_t position) {
  patch_batch b =
      patches_of({{static_cast<std::uint32_t>(position % 16), 0U == position % 16 ? 1U : 0U}}, 1000 + position);
  b.batch.samples[0].position = sequence{position};
  return b;
}

patch_batch stretch_at(std::uint64_t first, std::uint64_t count) {
  kept_lists kept;
  std::vector<std::uint8_t> all;
  patch_batch out;
  for (std::uint64_t p = first; p < first + count; ++p) {
    patch_batch one = seen_at(p);
    if (out.batch.samples.empty()) out.batch = one.batch;
    if (p > first) out.batch.samples.push_back(one.batch.samples[0]);
    all.insert(all.end(), one.patches[0].begin(), one.patches[0].end());
    out.patches.push_back(one.patches[0]);
  }
  auto packed = uncertainty::pack_patches(all.data(), all.size() / bytes_a_patch, bytes_a_patch);
  out.batch.zstd = packed.zstd;
  out.batch.payload = host_tensor::of(std::move(packed.payload));
  return out;
}

model::lora_spec adapter() {
  model::lora_spec spec;
  spec.rank = 2;
  spec.targets = {"q_proj", "v_proj"};
  return spec;
}

struct told {
  std::set<std::uint64_t> accepted;
  std::map<std::uint64_t, std::pair<std::uint64_t, std::int64_t>> versions;  ///< number: hash, steps
  std::string problem;
};

class log_file {
 public:
  explicit log_file(const std::filesystem::path& path)
      : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {}
  ~log_file() { ::close(fd_); }
  log_file(const log_file&) = delete;
  log_file& operator=(const log_file&) = delete;
  void line(const std::string& text) {
    const std::string whole = text + "\n";
    FRESHET_ENSURE(::write(fd_, whole.data(), whole.size()) == static_cast<ssize_t>(whole.size()), "log");
  }

 private:
  int fd_;
};

told read_log(const std::filesystem::path& path) {
  told out;
  std::ifstream in(path);
  std::string what;
  while (in >> what) {
    std::uint64_t number = 0;
    if (what == "accepted") {
      in >> number;
      out.accepted.insert(number);
    } else if (what == "version") {
      std::uint64_t hash = 0;
      std::int64_t steps = 0;
      in >> number >> hash >> steps;
      const auto [it, fresh] = out.versions.emplace(number, std::pair(hash, steps));
      if (!fresh && it->second.first != hash) out.problem = "two versions of number " + std::to_string(number);
    }
  }
  return out;
}

class world {
 public:
  explicit world(life_options options) : options_(std::move(options)), log_(options_.state / "log") {}

  std::string run() {
    if (auto opened = open(); !opened.ok()) return opened.err().text();
    intake_->start(now_, from_intake_);
    distiller_->start(now_, from_distiller_);
    for (int round = 0; round < 400; ++round) {
      now_ += std::chrono::seconds(1);
      if (auto seen = see(); !seen.ok()) return seen.err().text();
      const bool quiet = !exchange() && position_ >= options_.samples;
      if (quiet && outlet_->waiting_samples() + outlet_->unsettled_samples() == 0 && all_learned()) {
        distiller_->stop(now_, from_distiller_);
        return "";
      }
    }
    return "not done after 400 rounds: " + intake_->stats_json() + distiller_->stats_json();
  }

 private:
  result<void> open() {
    FRESHET_TRY_ASSIGN(auto words, model::load_tokenizer(options_.model));
    words_ = words;
    FRESHET_TRY_ASSIGN(auto student, model::multimodal::load(options_.model));
    FRESHET_TRY(student.attach(adapter()));
    const content_hash line = model::line_of(student, adapter());
    const auto layout = layout_of(model::trainable_set::of(student.weights()));

    FRESHET_TRY_ASSIGN(auto disk, disk_spool::open(options_.state / "spool.db", std::uint64_t{1} << 20));
    if (!disk->put_aside().empty()) return {errc::corrupt, disk->put_aside()};
    outlet_options way_out;
    way_out.intake = at_intake;
    outlet_.emplace(way_out, std::move(disk));

    FRESHET_TRY_ASSIGN(auto kept, durable_journal::open(options_.state / "journal.db"));
    intake_options in;
    in.teachers = {at_teacher};
    in.distiller = at_distiller;
    in.first_lease = 1000 * static_cast<std::uint64_t>(::getpid());
    FRESHET_TRY_ASSIGN(intake_, make_intake(in, std::move(kept)));

    FRESHET_TRY_ASSIGN(auto store, distiller_store::open(options_.state / "distiller", line));
    distiller_options d;
    d.intake = at_intake;
    d.compressor = at_compressor;
    d.deployer = at_deployer;
    d.line = line;
    d.steps_per_refresh = 2;
    d.refresh_samples = 6;
    d.labelling.confidence_floor = 0;
    distill::learner_options learning;
    learning.logit_kd = 0;
    learning.batch = 4;
    learning.memory = {16, 1000};
    distiller_ = std::make_unique<distiller_core>(d, distill::learner(std::move(student), learning, 0), words_,
                                                  std::move(store));

    compressor_options c;
    c.parts = layout;
    FRESHET_TRY_ASSIGN(compressor_, make_compressor(c));

    FRESHET_TRY_ASSIGN(device_, device_state::open(options_.state / "device", line, layout.total()));
    const auto restored = device_->restore();
    if (!restored.faults.empty()) return restored.faults.front();
    if (!restored.versions.empty()) active_ = restored.versions.front().number;
    FRESHET_TRY_ASSIGN(position_, device_->position());
    reserved_ = position_;
    return {};
  }

  // The device answers a stretch of its stream, and the filter keeps all of it.
  result<void> see() {
    if (position_ >= options_.samples) return {};
    if (position_ + samples_a_batch > reserved_) {
      FRESHET_TRY(device_->keep_position(position_ + samples_a_batch + reserve));
      reserved_ = position_ + samples_a_batch + reserve;
    }
    shipment s;
    s.packed = stretch_at(position_, samples_a_batch).batch;
    s.device = device;
    s.dirty = false;
    s.samples.resize(samples_a_batch);
    outlet_->push(std::move(s), from_filter_);
    position_ += samples_a_batch;
    return {};
  }

  /// Whether anything was said.
  bool exchange() {
    const std::size_t before = passed_;
    outlet_->flush({}, now_, from_filter_);
    pass<topology::uts_batch>(from_filter_, "uts_batch",
                              [&](const auto& m) { intake_->handle(at_filter, m, now_, from_intake_); });
    pass<topology::samples_settled>(from_intake_, "samples_settled", [&](const auto& m) {
      for (const sequence p : m.accepted) log_.line("accepted " + std::to_string(p.value));
      outlet_->settle(m, {}, now_, from_filter_);
    });
    pass<topology::label_request>(from_intake_, "label_request", [&](const auto& m) { label(m); });
    for (int slices = 0; slices < 50 && distiller_->work(now_, from_distiller_); ++slices) {
    }
    pass<topology::leases_consumed>(from_distiller_, "leases_consumed",
                                    [&](const auto& m) { intake_->handle(at_distiller, m, now_, from_intake_); });
    pass<topology::refresh_request>(from_distiller_, "refresh_request", [&](const auto& m) {
      compressor_->handle(at_distiller, m, now_, from_compressor_);
      while (compressor_->work(now_, from_compressor_)) {
      }
    });
    pass<topology::refresh_ready>(from_compressor_, "refresh_ready",
                                  [&](const auto& m) { distiller_->handle(at_compressor, m, now_, from_distiller_); });
    pass<topology::version_committed>(from_distiller_, "version_committed", [&](const auto& m) { activate(m); });
    intake_->tick(now_, from_intake_);
    distiller_->tick(now_, from_distiller_);
    return passed_ != before;
  }

  template <class M, class F>
  void pass(fake_outbox& from, const std::string& name, F deliver) {
    for (const M& m : from.take<M>()) {
      ++passed_;
      pass_fault_point("link." + name + ".before");
      deliver(m);
      pass_fault_point("link." + name + ".after");
    }
  }

  void label(const topology::label_request& request) {
    topology::labelled_batch out;
    out.lease = request.lease;
    out.batch = request.batch;
    out.entry = request.entry;
    for (std::size_t i = 0; i < request.batch.samples.size(); ++i) {
      topology::teacher_label l;
      l.answer = "red";
      l.confidence = 0.9F;
      out.labels.push_back(std::move(l));
    }
    pass_fault_point("link.labelled_batch.before");
    distiller_->handle(at_teacher, out, now_, from_distiller_);
  }

  void activate(const topology::version_committed& told) {
    log_.line("version " + std::to_string(told.next.value) + " " + std::to_string(told.result.value) + " " +
              std::to_string(distiller_->learner().steps()));
    if (told.next == active_ || told.next == version{0}) return;
    const auto kept = device_->commit({told.next, told.result, told.values});
    FRESHET_ENSURE(kept.ok(), kept.err().text());
    active_ = told.next;
  }

  [[nodiscard]] bool all_learned() const {
    return intake_->stats_json().find("\"held_samples\":0,") != std::string::npos;
  }

  life_options options_;
  log_file log_;
  std::shared_ptr<const model::tokenizer> words_;
  std::optional<outlet> outlet_;
  std::unique_ptr<role_core> intake_;
  std::unique_ptr<distiller_core> distiller_;
  std::unique_ptr<role_core> compressor_;
  std::optional<device_state> device_;
  fake_outbox from_filter_, from_intake_, from_distiller_, from_compressor_;
  time_point now_{};
  std::uint64_t position_ = 0;
  std::uint64_t reserved_ = 0;
  version active_;
  std::size_t passed_ = 0;
};

/// The pixels of a sample name its position.
std::map<std::vector<std::uint8_t>, std::uint64_t> positions_by_pixels(std::uint64_t count) {
  std::map<std::vector<std::uint8_t>, std::uint64_t> out;
  for (std::uint64_t p = 0; p < count; ++p) out.emplace(seen_at(p).patches[0], p);
  return out;
}

}  // namespace

std::string live(const life_options& options) { return world(options).run(); }

std::string judge(const life_options& options, bool finished) {
  const told log = read_log(options.state / "log");
  if (!log.problem.empty()) return log.problem;
  auto student = model::multimodal::load(options.model);
  if (!student.ok() || !student->attach(adapter()).ok()) return "no student";
  const content_hash line = model::line_of(*student, adapter());
  const std::uint64_t values = layout_of(model::trainable_set::of(student->weights())).total();

  auto store = distiller_store::open(options.state / "distiller", line);
  if (!store.ok()) return store.err().text();
  const auto kept = (*store)->take_restored();
  if (!kept.faults.empty()) return kept.faults.front().text();
  auto journal = durable_journal::open(options.state / "journal.db");
  if (!journal.ok()) return journal.err().text();

  const auto names = positions_by_pixels(options.samples + 100);
  std::multiset<std::uint64_t> learned;
  for (const auto* pool : {&kept.recent, &kept.reservoir}) {
    for (const auto& s : *pool) {
      const std::vector<std::uint8_t> pixels(s->patches.data(), s->patches.data() + s->patches.bytes());
      const auto found = names.find(pixels);
      if (found == names.end()) return "a sample in the replay that nobody saw";
      learned.insert(found->second);
    }
  }
  std::set<std::uint64_t> pending;
  for (const auto& entry : (*journal)->pending()) {
    // Learned, and the intake has not heard of it yet: it is not learned again.
    if (kept.learned.knows((*journal)->id(), entry.number)) continue;
    const auto batch = (*journal)->read(entry.number);
    if (!batch.ok()) return batch.err().text();
    for (const auto& s : batch->samples) pending.insert(s.position.value);
  }
  for (const std::uint64_t p : learned) {
    if (learned.count(p) > 1) return "sample " + std::to_string(p) + " is learned twice";
    if (pending.count(p) > 0) return "sample " + std::to_string(p) + " is learned and will be again";
  }
  for (const std::uint64_t p : log.accepted) {
    if (learned.count(p) + pending.count(p) == 0) return "sample " + std::to_string(p) + " was accepted and is lost";
  }
  if (finished && !pending.empty()) return "not everything is learned";
  if (finished && learned.empty()) return "nothing was seen";
  if (kept.counts.samples != learned.size()) return "the count of samples is not that of the replay";

  const version newest = kept.student ? kept.student->committed : version{0};
  for (const auto& [number, what] : log.versions) {
    if (number > newest.value) return "version " + std::to_string(number) + " was told and is not committed";
  }
  if (kept.student) {
    const auto said = log.versions.find(newest.value);
    const std::uint64_t hash = delta::hash_values(kept.student->mirror.as<float>(), kept.student->mirror.items()).value;
    if (said != log.versions.end() && said->second.first != hash) return "the mirror is not what was told";
    for (const auto& [name, tensor] : kept.student->optimiser) {
      if (name != "optimiser.steps" || said == log.versions.end()) continue;
      if (tensor.as<std::int64_t>()[0] < said->second.second) return "the optimiser has gone back";
    }
  }
  auto held = device_state::open(options.state / "device", line, values);
  if (!held.ok()) return held.err().text();
  const auto restored = held->restore();
  if (!restored.faults.empty()) return restored.faults.front().text();
  for (const kept_version& v : restored.versions) {
    const auto said = log.versions.find(v.number.value);
    if (said == log.versions.end() || said->second.first != v.hash.value)
      return "the device has a version that was never told";
  }
  if (finished && (restored.versions.empty() || restored.versions.front().number != newest)) {
    return "the device has not converged";
  }
  return "";
}

}  // namespace freshet::test
