#include "actors/assembly/assembly.hpp"

#include <algorithm>
#include <random>
#include <stdexcept>
#include <utility>

#include <spdlog/spdlog.h>

#include "actors/assembly/artefact_key_source.hpp"
#include "actors/assembly/device_streams.hpp"
#include "actors/assembly/line_adapters.hpp"
#include "actors/assembly/model_cache.hpp"
#include "actors/assembly/model_pair.hpp"
#include "actors/assembly/node_security.hpp"
#include "actors/assembly/text_only.hpp"
#include "actors/compressor/compressor_core.hpp"
#include "actors/deployer/deployer_core.hpp"
#include "actors/device/device_core.hpp"
#include "actors/distiller/distiller_core.hpp"
#include "actors/intake/durable_journal.hpp"
#include "actors/intake/intake_core.hpp"
#include "actors/rt/real_clock.hpp"
#include "actors/stats/stats_core.hpp"
#include "actors/teacher/teacher_core.hpp"
#include "actors/uplink_filter/uplink_filter_core.hpp"
#include "kernels/distill/rehearsal.hpp"
#include "kernels/model/encoder_hash.hpp"
#include "kernels/uncertainty/scores.hpp"
#include "topology/graph/links.hpp"

namespace freshet::actors {

using config::role_kind;
using topology::address;

namespace {

using maker = std::function<result<std::unique_ptr<role_core>>()>;

/// The first core is made now, so that what is wrong is found before anything runs; restarts make
/// their own, and what fails then is the supervisor's.
/// While a former maker of the role may still run, `trial` is made in its place, which touches no file of the
/// role, and dropped.
result<rt::core_factory> factory_of(maker make, const maker& trial, bool keep_first) {
  FRESHET_TRY_ASSIGN(auto first, keep_first || !trial ? make() : trial());
  if (!keep_first) first.reset();
  auto ready = std::make_shared<std::unique_ptr<role_core>>(std::move(first));
  return rt::core_factory([make = std::move(make), ready]() -> std::unique_ptr<role_core> {
    if (*ready) return std::move(*ready);
    auto again = make();
    if (!again.ok()) throw std::runtime_error(again.err().text());
    return std::move(again).value();
  });
}

/// A file in a role's own folder, which is made.
result<std::filesystem::path> state_file(const std::string& folder, const char* name) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) return error{errc::io, folder + ": " + failed.message()};
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all, failed);
  if (failed) return error{errc::io, folder + ": " + failed.message()};
  return std::filesystem::path(folder) / name;
}

/// Lease numbers of different lives must not meet.
std::uint64_t fresh_lease() {
  std::random_device entropy;
  return (static_cast<std::uint64_t>(entropy()) << 31) | 1U;
}

distill::anchor_kind anchor_of(const std::string& name) {
  if (name == "l2sp") return distill::anchor_kind::l2sp;
  return name == "ema" ? distill::anchor_kind::ema : distill::anchor_kind::none;
}

distill::learner_options learner_options_of(const config::distiller_settings& s) {
  distill::learner_options o;
  o.pseudo_label = s.terms.pseudo_label;
  o.visual_qkd = s.terms.visual_qkd;
  o.hidden_qkd = s.terms.hidden_qkd;
  o.logit_kd = s.terms.logit_kd;
  o.temperature = s.terms.kd_temperature;
  o.anchor = anchor_of(s.terms.anchor);
  o.anchor_weight = s.terms.anchor_weight;
  o.learning_rate = s.learning_rate;
  o.final_learning_rate = s.final_learning_rate;
  o.optimiser.beta1 = s.beta1;
  o.optimiser.beta2 = s.beta2;
  o.optimiser.weight_decay = s.weight_decay;
  o.optimiser.clip = s.clip;
  o.batch = s.batch;
  o.micro_batch = s.micro_batch;
  o.gradient_checkpointing = s.gradient_checkpointing;
  o.mix.replay = s.replay_share;
  o.mix.source = s.source_replay_share;
  o.memory.recent = s.recent_window;
  o.memory.reservoir = s.replay_capacity;
  o.seed = s.seed;
  return o;
}

rollout_options rollout_options_of(const config::rollout_settings& s) {
  rollout_options o;
  o.waves = s.waves;
  o.gate = s.gate == "agreement";
  o.canary_share = s.canary_share;
  o.canary_minimum = s.canary_minimum;
  o.wave_share = s.wave_share;
  o.agreement.samples = s.evidence_samples;
  o.agreement.domain_samples = std::min<std::uint64_t>(o.agreement.domain_samples, s.evidence_samples);
  o.agreement.margin = s.margin;
  o.agreement.false_alarm = s.false_alarm;
  o.evidence_time = s.evidence_time;
  o.patience = s.patience;
  o.slow_factor = s.slow_factor;
  o.silent_after = s.silent_after;
  o.rollback_within = s.rollback_within;
  o.kept_versions = s.kept_versions;
  return o;
}

}  // namespace

struct assembly::cache {
  model_cache models;
  std::optional<student_line> student;
};

assembly::assembly(topology::graph graph, assembly_options options)
    : graph_(std::move(graph)), options_(std::move(options)), cache_(std::make_unique<cache>()) {}

assembly::~assembly() = default;

namespace {

const config::distiller_settings& distiller_of(const topology::graph& g) {
  const auto roles = g.roles_of(role_kind::distiller);
  FRESHET_ENSURE(!roles.empty(), "a checked topology has a distiller");
  return std::get<config::distiller_settings>(roles.front()->settings);
}

std::optional<address> first_of(const topology::graph& g, role_kind kind) {
  const auto roles = g.roles_of(kind);
  if (roles.empty()) return std::nullopt;
  return roles.front()->where();
}

/// Whether the device must send its visual features along.
bool needs_features(const config::uplink_filter_settings& settings) {
  // Gates that spread over the feature space read them whatever the scores are.
  if (settings.gate == "stratified" || settings.gate == "learned") return true;
  unsigned needs = 0;
  for (const std::string& name : settings.scores) {
    if (const auto score = uncertainty::find_sample_score(name); score.ok()) needs |= score->needs;
  }
  if (const auto score = uncertainty::find_token_score(settings.token_score); score.ok()) needs |= score->needs;
  return (needs & uncertainty::needs_features) != 0;
}

/// Of roles that a checked topology always has.
address the(const topology::graph& g, role_kind kind) {
  const auto found = first_of(g, kind);
  FRESHET_ENSURE(found.has_value(), "a checked topology has a " + config::name(kind));
  return *found;
}

}  // namespace

result<rt::role_spec> assembly::role_of(const topology::role_spec& spec) {
  const config::distiller_settings& distilling = distiller_of(graph_);
  const model::lora_spec lora = adapters_of(distilling);
  // A bench paces everything and begins anew each time: nothing of it outlives the process.
  const bool keeps_state = !first_of(graph_, role_kind::bench);
  const auto line = [&]() -> result<student_line> {
    if (!cache_->student) {
      FRESHET_TRY_ASSIGN(student_line made, cache_->models.student(distilling.student, distilling.chat_template, lora));
      cache_->student = std::move(made);
    }
    return *cache_->student;
  };
  rt::role_spec out;
  out.name = spec.name;
  out.where = rt::placement::shared;
  maker make;
  maker trial;   // where making touches files
  switch (spec.kind()) {
    case role_kind::device: {
      const auto& s = std::get<config::device_settings>(spec.settings);
      const auto devices = graph_.roles_of(role_kind::device);
      stream_place place;
      place.devices = static_cast<std::uint32_t>(devices.size());
      if (s.source.from == "scenes") {
        place.index = spec.device.value - 1;   // a world of its own, whoever else comes and goes
      } else {
        while (place.index < devices.size() && devices[place.index]->where() != spec.where()) ++place.index;
      }
      FRESHET_TRY_ASSIGN(const model::model_config config, model::load_model_config(s.model));
      const topology::role_spec* filter = topology::filter_of(graph_, spec);
      FRESHET_ENSURE(filter != nullptr, "a checked topology has a filter for each device");
      const auto& filtering = std::get<config::uplink_filter_settings>(filter->settings);
      place.pictures = config.vision.has_value();
      if (place.pictures) {
        place.side = static_cast<int>(config.vision->image_size);
      } else {
        FRESHET_TRY(check_text_only(s, filtering));
      }
      device_options o;
      o.device = spec.device;
      o.model = s.model;
      o.chat_template = s.chat_template;
      o.lora = lora;
      o.filter = filter->where();
      o.deployer = the(graph_, role_kind::deployer);
      o.bench = first_of(graph_, role_kind::bench);
      o.stream = streams_for(s.source, place);
      o.samples_per_phase = s.source.samples_per_phase;
      o.samples_per_second = s.samples_per_second;
      o.batch = s.batch;
      o.twin = s.twin;
      o.state_dir = s.state_dir;
      if (options_.artefact_keys) {
        o.trusted = options_.artefact_keys->trusted();
      } else {
        o.trusted_keys = s.trusted_keys;
      }
      const auto clock = std::make_shared<rt::real_clock>();
      o.clock = [clock] { return clock->now(); };
      o.self_check.clock = o.clock;
      // What the bench measures must not hang on the machine's speed.
      o.self_check.questions = o.bench ? 0 : s.self_test.questions;
      o.self_check.most_lost = s.self_test.most_lost;
      o.self_check.slow_factor = s.self_test.slow_factor;
      o.self_check.limit = s.self_test.limit;
      o.send_features = needs_features(filtering);
      o.send_encoded = place.pictures && filtering.may_send_features();
      o.send_relevance = filtering.token_score == "relevance";
      make = [o] { return make_device(o); };
      trial = [o]() mutable {
        o.state_dir.clear();
        return make_device(o);
      };
      out.where = rt::placement::own_thread;
      break;
    }
    case role_kind::uplink_filter: {
      const auto& s = std::get<config::uplink_filter_settings>(spec.settings);
      FRESHET_TRY_ASSIGN(uplink_filter_options o, filter_options_of(s, the(graph_, role_kind::intake)));
      if (keeps_state) {
        FRESHET_TRY_ASSIGN(o.spool_file, state_file(s.state_dir, "spool.db"));
        out.where = rt::placement::own_thread;  // its disk may be slow
      }
      make = [o] { return make_uplink_filter(o); };
      trial = [o]() mutable {
        o.spool_file.clear();
        return make_uplink_filter(o);
      };
      break;
    }
    case role_kind::intake: {
      const auto& s = std::get<config::intake_settings>(spec.settings);
      intake_options o;
      for (const auto* teacher : graph_.roles_of(role_kind::teacher)) o.teachers.push_back(teacher->where());
      o.distiller = the(graph_, role_kind::distiller);
      // Only a bench waits for all of them; otherwise devices come and go.
      if (first_of(graph_, role_kind::bench))
        for (const auto* device : graph_.roles_of(role_kind::device)) o.expected_devices.push_back(device->device);
      o.queue_samples = s.queue_limit;
      o.lease_timeout = s.lease_timeout;
      std::filesystem::path file;
      if (keeps_state) {
        FRESHET_TRY_ASSIGN(file, state_file(s.state_dir, "journal.db"));
        // On the disk there is room for more than one in memory could hold.
        o.queue_batches = std::max<std::size_t>(o.queue_batches, s.queue_limit);
        o.queue_bytes = std::uint64_t{4} << 30;
        out.where = rt::placement::own_thread;  // its disk may be slow
      }
      if (!first_of(graph_, role_kind::bench)) {
        quota_limits quota;
        quota.samples_per_second = s.device_samples_per_second;
        quota.bytes_per_second = static_cast<double>(s.device_bytes_per_second.value);
        quota.decoded_per_second = static_cast<double>(s.device_decoded_per_second.value);
        const auto share_of = [&](auto whole) {
          return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(s.device_stored_share * static_cast<double>(whole)));
        };
        quota.kept_samples = share_of(o.queue_samples);
        quota.kept_bytes = share_of(o.queue_bytes);
        o.quota = quota;
      }
      make = [o, file]() mutable -> result<std::unique_ptr<role_core>> {
        o.first_lease = fresh_lease();
        if (file.empty()) return make_intake(o);
        FRESHET_TRY_ASSIGN(auto kept, durable_journal::open(file));
        return make_intake(o, std::move(kept));
      };
      trial = [o] { return make_intake(o); };
      break;
    }
    case role_kind::teacher: {
      const auto& s = std::get<config::teacher_settings>(spec.settings);
      teacher_options o;
      o.distiller = the(graph_, role_kind::distiller);
      o.intake = the(graph_, role_kind::intake);
      o.kind = s.kind == "self" ? teacher_kind::self : teacher_kind::model;
      o.temperature = s.temperature;
      o.top_p = s.top_p;
      o.top_k = s.top_k_logits;
      o.slice_samples = s.batch;
      o.seed = s.seed;
      o.send_features = distilling.terms.visual_qkd > 0 || distilling.terms.hidden_qkd > 0;
      loaded_model loaded;
      if (o.kind == teacher_kind::model) {
        FRESHET_TRY_ASSIGN(loaded, cache_->models.load(s.model, s.chat_template));
      }
      make = [o, loaded]() -> result<std::unique_ptr<role_core>> {
        return std::unique_ptr<role_core>(std::make_unique<teacher_core>(o, loaded.net, loaded.words));
      };
      out.where = rt::placement::own_thread;
      break;
    }
    case role_kind::distiller: {
      const auto& s = std::get<config::distiller_settings>(spec.settings);
      const auto& teaching = std::get<config::teacher_settings>(graph_.roles_of(role_kind::teacher).front()->settings);
      FRESHET_TRY_ASSIGN(const student_line student, line());
      const auto& vision = student.base.net->config().vision;
      if (!vision) FRESHET_TRY(check_text_only(s));
      distiller_options o;
      o.intake = the(graph_, role_kind::intake);
      o.compressor = the(graph_, role_kind::compressor);
      o.deployer = the(graph_, role_kind::deployer);
      o.bench = first_of(graph_, role_kind::bench);
      o.line = student.line;
      o.labelling.encoder = student.encoder;
      o.labelling.confidence_floor = s.terms.confidence_floor;
      o.steps_per_refresh = s.steps_per_refresh;
      o.refresh_samples = s.refresh_samples;
      o.refresh_interval = s.refresh_interval;
      o.agreement_to_sleep = s.agreement_to_sleep;
      o.paused = s.paused;
      const std::filesystem::path folder = keeps_state ? s.state_dir : std::string();
      std::int64_t teacher_width = 0;
      if (teaching.kind == "self") {
        if (s.terms.visual_qkd > 0 || s.terms.hidden_qkd > 0) {
          return error{errc::config, "visual_qkd and hidden_qkd need a teacher model; with teacher.kind = \"self\" both must be 0"};
        }
        o.teacher = "self";
        o.labelling.shared_vocabulary = false;
        o.tell_probes = false;  // nobody agrees with himself by merit
      } else {
        o.teacher = std::filesystem::path(teaching.model).filename().string();
        FRESHET_TRY_ASSIGN(const loaded_model teacher, cache_->models.load(teaching.model, teaching.chat_template));
        FRESHET_TRY(check_teacher_sees(s.student, vision.has_value(), teaching.model, teacher.net->config().vision.has_value()));
        if (vision && topology::features_travel(graph_)) {
          FRESHET_TRY(check_shared_encoder(s.student, student.encoder, teaching.model, model::encoder_hash(*teacher.net)));
        }
        teacher_width = teacher.net->config().text.hidden_size;
        // Same vocabulary, same ids: then the teacher's logits can be distilled word by word.
        o.labelling.shared_vocabulary = teacher.words->vocab_size() == student.base.words->vocab_size();
      }
      FRESHET_TRY_ASSIGN(const auto rehearsal,
                         distill::load_rehearsal(s.student, vision, *student.base.words, distill::rehearsal_part::rehearsed));
      const distill::learner_options learning = learner_options_of(s);
      const bool wanted = s.source_logits && s.terms.logit_kd > 0 && s.source_replay_share > 0;
      const std::size_t own_logits = wanted ? teaching.top_k_logits : 0;
      const auto make_in = [o, student, learning, teacher_width, rehearsal,
                            own_logits](const std::filesystem::path& in) -> result<std::unique_ptr<role_core>> {
        distill::learner learner(student.base.net->on_the_same_base(), learning, teacher_width);
        learner.set_source(rehearsal, own_logits);
        std::unique_ptr<distiller_store> kept;
        if (!in.empty()) {
          FRESHET_TRY_ASSIGN(kept, distiller_store::open(in, o.line));
        }
        return std::unique_ptr<role_core>(
            std::make_unique<distiller_core>(o, std::move(learner), student.base.words, std::move(kept)));
      };
      make = [make_in, folder] { return make_in(folder); };
      trial = [make_in] { return make_in({}); };
      out.where = rt::placement::own_thread;
      break;
    }
    case role_kind::compressor: {
      const auto& s = std::get<config::compressor_settings>(spec.settings);
      FRESHET_TRY_ASSIGN(const student_line student, line());
      compressor_options o;
      o.parts = student.parts;
      o.codec = s.codec;
      o.use_importance = s.importance == "fisher";
      if (s.codec == "dwc") {
        if (s.budget_bytes.value > 0) o.budget_bytes = s.budget_bytes.value;
        if (s.budget_share > 0) o.budget_share = s.budget_share;
      }
      make = [o] { return make_compressor(o); };
      out.where = rt::placement::own_thread;
      break;
    }
    case role_kind::deployer: {
      const auto& s = std::get<config::deployer_settings>(spec.settings);
      FRESHET_TRY_ASSIGN(const student_line student, line());
      deployer_options o;
      o.distiller = the(graph_, role_kind::distiller);
      o.parts = student.parts;
      o.line = student.line;
      o.base = model::trainable_set::of(student.base.net->weights()).read();
      o.history_versions = s.history_versions;
      o.prefer_snapshot_after = s.prefer_snapshot_after;
      o.chunk_bytes = static_cast<std::uint32_t>(s.chunk_bytes.value);
      o.window_chunks = s.window_chunks;
      if (options_.artefact_keys) {
        o.keys = [keys = options_.artefact_keys] { return keys; };
      } else {
        FRESHET_TRY_ASSIGN(o.keys, keys_in_file(access::artefact_key_file(s.key_dir)));
      }
      const auto& teaching = std::get<config::teacher_settings>(graph_.roles_of(role_kind::teacher).front()->settings);
      // In paced mode all devices run the newest version at every tick.
      const bool paced = first_of(graph_, role_kind::bench).has_value();
      o.rollout = rollout_options_of(s.rollout);
      o.rollout.waves = o.rollout.waves && !paced;
      o.rollout.gate = o.rollout.gate && !paced && teaching.kind != "self";
      if (!paced) o.state_dir = s.state_dir;
      make = [o] { return make_deployer(o); };
      break;
    }
    case role_kind::stats: {
      const auto& s = std::get<config::stats_settings>(spec.settings);
      stats_options o;
      o.silent_after = std::max<duration>(o.silent_after, 3 * s.report_interval);
      o.forget_after = s.forget_after;
      o.subscriptions.interval = s.report_interval;
      for (const topology::role_spec& r : graph_.roles) o.expected[r.where()] = config::name(r.kind());
      make = [o] { return make_stats(o); };
      break;
    }
    case role_kind::bench: {
      FRESHET_ENSURE(options_.bench != nullptr, "a bench role needs its core");
      make = [core = options_.bench]() -> result<std::unique_ptr<role_core>> { return core(); };
      break;
    }
  }
  FRESHET_TRY_ASSIGN(out.factory, factory_of(std::move(make), trial, options_.keep_first));
  return out;
}

result<rt::node_options> assembly::node(const std::string& name) {
  const topology::node_spec* spec = graph_.find_node(name);
  if (spec == nullptr) {
    std::string known;
    for (const auto& n : graph_.nodes) known += (known.empty() ? "" : ", ") + n.name;
    return error{errc::not_found, "node \"" + name + "\"; " + graph_.file + " has " + known};
  }
  rt::node_options out;
  out.name = name;
  out.listen = spec->listen;
  out.peers = topology::peers_of(graph_, name);
  out.stats = graph_.stats();
  FRESHET_TRY_ASSIGN(out.security,
                     security_of(graph_, *spec, out.peers, options_.log ? options_.log : spdlog::default_logger()));
  out.links.queue_limit = graph_.links.queue_limit;
  out.links.queue_bytes = graph_.links.queue_bytes.value;
  out.links.resend_after = graph_.links.resend_after;
  out.links.initial_credit = graph_.links.initial_credit;
  for (const topology::role_spec* r : graph_.roles_of(role_kind::stats)) {
    out.report_period = std::get<config::stats_settings>(r->settings).report_interval;
  }
  for (const topology::role_spec* r : options_.with_roles ? graph_.roles_on(name)
                                                          : std::vector<const topology::role_spec*>()) {
    auto made = role_of(*r);
    if (!made.ok()) return error{made.err().code, r->where().text() + ": " + made.err().context};
    out.roles.push_back(std::move(made).value());
  }
  return out;
}

result<std::uint64_t> assembly::adapter_values() {
  const config::distiller_settings& s = distiller_of(graph_);
  FRESHET_TRY_ASSIGN(const student_line made, cache_->models.student(s.student, s.chat_template, adapters_of(s)));
  return made.parts.total();
}

}  // namespace freshet::actors
