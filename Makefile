# Thin names over infra/run.py and cargo. `make doctor` says what the machine lacks.
PYTHON ?= python3
STACK ?= pagoinrete
RUN = $(PYTHON) infra/run.py

.PHONY: run test faults counts bench build deploy destroy doctor logs lint watch assets lock clean help

help:            ## what there is
	@sed -n 's/^\([a-z]*\):  *## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

run:             ## the whole service on this machine, at one address (PORT=4566 MAIL_PORT=8025)
	@$(RUN) run

test:            ## all checks and tests, as CI runs them (ARGS="-k login" for pytest)
	@$(RUN) test $(ARGS)

faults:          ## every fault in every call of every flow (SEED=7 N=500 for random plans, FLOW=name, CASE="…" for one again)
	@$(RUN) faults $(if $(SEED),--seed $(SEED)) $(if $(N),--number $(N)) $(if $(FLOW),--flow $(FLOW)) $(if $(CASE),--case "$(CASE)")

counts:          ## what each flow costs, beside its limits (WRITE=1 keeps the new numbers)
	@$(RUN) counts $(if $(FLOW),--flow $(FLOW)) $(if $(WRITE),--write)

bench:
	@$(RUN) bench

build:           ## all functions for this machine
	@$(RUN) build

deploy:          ## to AWS (PARAMETERS=infra/parameters/NAME.json STACK=name)
	@$(RUN) deploy --stack $(STACK) $(if $(PARAMETERS),--parameters $(PARAMETERS))

destroy:         ## takes a stack in AWS down (STACK=name)
	@$(RUN) destroy --stack $(STACK)

doctor:          ## what this machine lacks, and how to get it
	@$(RUN) doctor

logs:            ## follows the log of one function (F=login) or of all
	@$(RUN) logs $(F) --stack $(STACK) $(if $(CLOUD),--cloud)

lint:            ## checks the template
	@$(RUN) lint

watch:           ## beside `make run`: builds and deploys what changes
	@$(RUN) watch

assets:          ## copies styles, fonts, icons and the captcha widget from npm packages
	@$(RUN) assets

lock:            ## writes the lock files of Python and npm again
	@$(RUN) lock

clean:           ## forgets the local data
	@$(RUN) clean
