# Installing what `make build` has built: where the files go, for people (`make install`) and for
# packagers. What is installed is in two lists, so that `make uninstall` finds all of it.
#
# An /etc/wsrelay.conf that is there already is the operator's and is left alone, both times.

prefix ?= /usr/local
bindir ?= $(prefix)/bin
libexecdir ?= $(prefix)/libexec
mandir ?= $(prefix)/share/man
docdir ?= $(prefix)/share/doc/wsrelay
# The daemon looks for its file in /etc, wherever it is installed itself.
sysconfdir ?= /etc
unitdir ?= $(prefix)/lib/systemd/system
catalogdir ?= $(prefix)/lib/systemd/catalog
bashcompletiondir ?= $(prefix)/share/bash-completion/completions
zshcompletiondir ?= $(prefix)/share/zsh/site-functions
fishcompletiondir ?= $(prefix)/share/fish/vendor_completions.d
STRIP ?= strip
INSTALL ?= install

# Beside the relay, wherever that was built.
BENCH_BINARY := $(dir $(BINARY))wsrelay-bench

conf := $(DESTDIR)$(sysconfdir)/wsrelay.conf

# What is copied as it is, SOURCE:TARGET.
copied := \
  docs/man/wsrelay.8:$(mandir)/man8/wsrelay.8 \
  docs/man/wsrelay-closes.1:$(mandir)/man1/wsrelay-closes.1 \
  docs/man/wsrelay-bench.1:$(mandir)/man1/wsrelay-bench.1 \
  docs/man/wsrelay.conf.5:$(mandir)/man5/wsrelay.conf.5 \
  systemd/wsrelay.socket:$(unitdir)/wsrelay.socket \
  systemd/wsrelay.catalog:$(catalogdir)/wsrelay.catalog \
  completions/wsrelay.bash:$(bashcompletiondir)/wsrelay \
  completions/wsrelay-bench.bash:$(bashcompletiondir)/wsrelay-bench \
  completions/_wsrelay:$(zshcompletiondir)/_wsrelay \
  completions/_wsrelay-bench:$(zshcompletiondir)/_wsrelay-bench \
  completions/wsrelay.fish:$(fishcompletiondir)/wsrelay.fish \
  completions/wsrelay-bench.fish:$(fishcompletiondir)/wsrelay-bench.fish \
  README.md:$(docdir)/README.md \
  docs/close-events.md:$(docdir)/close-events.md \
  docs/memory.md:$(docdir)/memory.md \
  systemd/tls.conf:$(docdir)/examples/tls.conf

# What names the binary, likewise.
located := \
  systemd/wsrelay.service:$(unitdir)/wsrelay.service \
  systemd/socket-activation.conf:$(docdir)/examples/socket-activation.conf

source = $(firstword $(subst :, ,$(1)))
target = $(DESTDIR)$(lastword $(subst :, ,$(1)))

define install_copied
$(INSTALL) -D -m 644 $(call source,$(1)) $(call target,$(1))

endef

define install_located
$(INSTALL) -d $(dir $(call target,$(1)))
sed -e 's,/usr/bin/wsrelay,$(bindir)/wsrelay,' -e 's,/usr/libexec,$(libexecdir),' \
  $(call source,$(1)) >$(call target,$(1))
chmod 644 $(call target,$(1))

endef

install: ## what `make build` built, below prefix=/usr/local; DESTDIR= and GNU's directories count
	@test -x $(BINARY) -a -x $(BENCH_BINARY) || { echo "run \`make build\` first" >&2; exit 1; }
	$(INSTALL) -D -m 755 $(BINARY) $(DESTDIR)$(bindir)/wsrelay
	$(INSTALL) -D -m 755 $(BENCH_BINARY) $(DESTDIR)$(bindir)/wsrelay-bench
	$(STRIP) $(DESTDIR)$(bindir)/wsrelay $(DESTDIR)$(bindir)/wsrelay-bench
	$(INSTALL) -D -m 755 systemd/announce-restart $(DESTDIR)$(libexecdir)/wsrelay/announce-restart
	$(foreach file,$(copied),$(call install_copied,$(file)))
	$(foreach file,$(located),$(call install_located,$(file)))
	test -e $(conf) || $(INSTALL) -D -m 644 config/wsrelay.conf $(conf)

uninstall: ## remove what `make install` installed, with the same directories
	rm -f $(DESTDIR)$(bindir)/wsrelay $(DESTDIR)$(bindir)/wsrelay-bench
	rm -f $(DESTDIR)$(libexecdir)/wsrelay/announce-restart
	rm -f $(foreach file,$(copied) $(located),$(call target,$(file)))
	-rmdir $(DESTDIR)$(docdir)/examples $(DESTDIR)$(docdir) $(DESTDIR)$(libexecdir)/wsrelay
	if cmp -s config/wsrelay.conf $(conf); then rm $(conf); fi

deb: build ## the Debian package, in build/deb
	@scripts/deps package
	packaging/build-deb build/deb

rpm: build ## the RPM, in build/rpm
	@scripts/deps package
	packaging/build-rpm build/rpm

.PHONY: install uninstall deb rpm
