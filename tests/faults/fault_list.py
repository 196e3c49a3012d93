"""Every fault that ``make faults`` plays, in order: those that can share a net are neighbours."""

from fault_rounds import Fault
from faults_of_challenges import CHALLENGE_FAULTS
from faults_of_duties import DUTY_FAULTS
from faults_of_money import MONEY_FAULTS
from faults_of_operators import ORDINARY, Crashed, Killed, KilledVoting, Lying, LyingInTime
from faults_of_rpc import RPC_FAULTS
from faults_of_stores import STORE_FAULTS
from faults_of_submissions import SUBMISSION_FAULTS
from faults_of_the_chain import CHAIN_FAULTS
from lying_operator import Lies

FAULTS: list[Fault] = [
    Fault(),
    Crashed(),
    *(Killed(point) for point in ORDINARY),
    KilledVoting(),
    *(Lying(lies) for lies in Lies if lies is not Lies.TIMED),
    LyingInTime(),
    *SUBMISSION_FAULTS,
    *STORE_FAULTS,
    *CHAIN_FAULTS,
    *MONEY_FAULTS,
    *DUTY_FAULTS,
    *CHALLENGE_FAULTS,
    *RPC_FAULTS,
]
